"""Many runs against each other: accuracy at equal cost, Pareto sets, density."""
