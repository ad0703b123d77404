"""Signs in what a model thought and answered."""
