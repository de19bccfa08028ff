"""Training: the one loop, the updates, run folders, checkpoints and summaries."""
