"""Training: the loop, its options, its optimizers and what joins its steps."""
