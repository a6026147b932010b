"""Figures of generated clips, read from their pictures."""
