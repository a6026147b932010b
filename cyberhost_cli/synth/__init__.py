"""Synthetic actors: rendered talking bodies with exact ground truth."""
