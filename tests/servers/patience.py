"""Bounds on time that hold on a machine with other things to do."""

import os


def stretched(seconds: float) -> float:
    """A bound that holds where cores are free; longer by as many times as more processes want to
    run on this machine than it has cores."""
    cores = os.cpu_count() or 1
    return seconds * max(1.0, os.getloadavg()[0] / cores)
