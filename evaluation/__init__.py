"""How good are the masks: figures in `metrics` (NumPy alone), a network on labelled images in `evaluator`."""
