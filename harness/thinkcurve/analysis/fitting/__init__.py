"""The form of a curve: fits, gains, saturation, the metrics of s1."""
