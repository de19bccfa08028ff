"""What a run leaves on disk: atomic files, checkpoints, weights files, run folders."""
