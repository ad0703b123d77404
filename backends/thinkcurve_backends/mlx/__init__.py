"""Models through MLX: Apple silicon, or a Linux CPU. The entry point is `backend.open_backend`."""
