"""Anthropic's Messages API, and servers that speak it (vLLM, llama.cpp), by way of the official SDK."""
