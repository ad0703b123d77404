"""Models through vLLM, in this process or behind `vllm serve`. The entry point is `backend.open_backend`."""
