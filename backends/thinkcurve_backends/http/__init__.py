"""Any OpenAI-compatible server by its address, and providers by name."""
