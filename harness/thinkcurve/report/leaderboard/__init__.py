"""A static site of any number of runs: a page for all, one a task and one a model, and files to take away."""
