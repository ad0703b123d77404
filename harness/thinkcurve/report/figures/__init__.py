"""Figures of more than the curve: frontier, surface, gain per doubling, allocation; one file each."""
