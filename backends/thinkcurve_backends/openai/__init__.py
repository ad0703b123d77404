"""OpenAI's models, and any server that OpenAI's own client can talk to: Responses, Chat Completions and batches."""
