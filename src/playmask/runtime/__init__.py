"""What runs models: batches, compiled functions, predictors, training."""
