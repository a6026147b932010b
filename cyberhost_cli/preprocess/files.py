"""How model files reach the code that reads them."""

from collections.abc import Callable
from pathlib import Path

Finder = Callable[[str], Path]
"""Takes a name of `cyberhost weights list` and returns the folder with its files, or raises CheckpointError."""
