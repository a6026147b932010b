"""Presets: what they may say, where they lie."""
