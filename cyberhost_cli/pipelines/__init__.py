"""The only composition of the rooms."""
