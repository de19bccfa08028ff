"""Counting: composites of known instances, a student that learns to find them, and what it finds in a photograph."""
