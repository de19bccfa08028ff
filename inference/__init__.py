"""Trained networks in use: loading them, their masks and instances."""
