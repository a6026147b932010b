"""Stages, losses and the loop."""
