"""Photographs with boxes and masks, background pictures, and the batches that training draws from them."""
