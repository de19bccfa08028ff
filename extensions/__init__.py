"""What the paper does not have, one idea per file."""
