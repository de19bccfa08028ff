"""How good masks are: metrics of masks and instances (NumPy alone), and the report of an evaluation."""
