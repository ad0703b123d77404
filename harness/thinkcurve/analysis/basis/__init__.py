"""What all analyses stand on: the grid of attempts, resampling, accuracy, costs, points between budgets."""
