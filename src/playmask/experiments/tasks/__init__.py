"""What the experiments train: one file a task."""
