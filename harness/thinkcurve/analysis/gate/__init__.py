"""A gate: conditions that a new run has to meet against a base run, and what the runs say of each."""
