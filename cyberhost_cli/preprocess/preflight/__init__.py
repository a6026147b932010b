"""Inputs are measured before hours are spent on them."""
