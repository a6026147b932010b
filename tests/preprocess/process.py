"""Python run in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def said(code, *arguments):
    """Return the lines that code printed; it must say nothing on stderr."""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    return done.stdout.splitlines()
