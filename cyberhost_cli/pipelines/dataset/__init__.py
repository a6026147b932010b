"""Clips become a dataset to train on."""
