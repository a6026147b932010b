"""Processes that do a share of the work."""

import multiprocessing
import os
import signal
import threading


def begin() -> None:
    """Leave Ctrl-C to the process that gives out the work, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
