"""Statistics of finished attempts: pure functions from tables to tables."""
