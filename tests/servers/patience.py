"""Bounds on time that hold on a machine with other things to do."""

import os
from pathlib import Path

PATIENT = "--set=retryBudgetSeconds=60"
"""For the run that is to succeed after one that was to give up soon."""
_LOAD = Path("/proc/loadavg")


def stretched(seconds: float) -> float:
    """A bound that holds where cores are free; longer by as many times as more processes want to
    run on this machine, now or in the minute before, than it has cores."""
    cores = os.cpu_count() or 1
    return seconds * max(1.0, os.getloadavg()[0] / cores, _running() / cores)


def _running() -> int:
    """How many threads run or want to at this moment; 0 where the system does not tell. The mean
    of a minute lags behind a burst."""
    return int(_LOAD.read_text().split()[3].partition("/")[0]) if _LOAD.exists() else 0
