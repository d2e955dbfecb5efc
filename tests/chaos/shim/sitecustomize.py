"""For the process under test alone: a wall clock that is off, and a disk that is slow."""

import os
import time

_time, _fsync = time.time, os.fsync
_OFF, _SLOW = float(os.environ["CHAOS_CLOCK"]), float(os.environ["CHAOS_FSYNC"])


def _shifted() -> float:
    return _time() + _OFF


def _slowly(descriptor: int) -> None:
    time.sleep(_SLOW)
    _fsync(descriptor)


time.time = _shifted
setattr(os, "fsync", _slowly)  # noqa: B010 # its type allows files too
