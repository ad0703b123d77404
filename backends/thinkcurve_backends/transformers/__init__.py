"""Models through transformers and torch: CUDA, ROCm, MPS or CPU. The entry point is `backend.open_backend`."""
