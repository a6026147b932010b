"""The only code that opens pictures, sound and video."""
