"""The rules of following, as the configuration and the command line give them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rules:
    """How to follow: with a `snapshot` or without (`whole`: the target then is what was read after
    the stream's place was known, and nothing else), keeping up to `spool_bytes` in a folder
    `spool_...` beside the savepoints meanwhile; when the target counts as caught up (seconds), and
    what is done then. `others` is told whether it has, and tells whether all tables of the run
    have."""

    snapshot: bool
    spool: Path
    spool_bytes: int
    max_lag: float
    caught_up_for: float
    until_caught_up: bool = False
    disable_after: bool = False
    whole: bool = False
    others: Callable[[bool], bool] = bool
    since: float | None = None
