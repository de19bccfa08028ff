"""Panels and sheets: pictures made of tiles."""
