"""Many models at one cost: who is better than whom, and who is not told apart."""
