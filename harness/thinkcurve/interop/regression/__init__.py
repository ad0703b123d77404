"""Tests of models against baselines: what the pytest plugin does once a test asks for it."""
