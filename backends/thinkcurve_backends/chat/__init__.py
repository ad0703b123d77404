"""The chat protocol of OpenAI-compatible servers: bodies out, replies in, and how servers differ, as data."""
