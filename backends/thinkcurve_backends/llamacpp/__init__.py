"""GGUF models through llama.cpp, in process or behind a llama-server. The entry point is `backend.open_backend`."""
