"""Noise becomes latents, chunk by chunk."""
