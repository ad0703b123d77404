"""Two runs against each other, paired by problem."""
