"""The report: one page of one or more runs, whole in itself, with every problem in it."""
