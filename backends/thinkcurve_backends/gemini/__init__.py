"""Google's Gemini models through the official google-genai SDK: ``gemini:NAME``."""
