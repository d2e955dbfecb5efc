"""Settings of a run: keeping changes, catching up, hooks, and what holds it back."""

from dataclasses import dataclass

from alternator_migrate.config.kinds import (
    http_url,
    integer,
    key,
    local_path,
    number,
    text,
)


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Changes kept on disk while the copy lasts."""

    max_bytes: int = key(
        integer(0, 2**63 - 1),
        "most bytes of changes kept on disk while the copy lasts; 0 keeps none",
        default=10_000_000_000,
    )
    path: str | None = key(
        local_path, "folder for them on this machine, if not that of the savepoints (./savepoints)"
    )


@dataclass(frozen=True, slots=True)
class CutoverSettings:
    """The rule by which the target counts as caught up."""

    max_lag_seconds: float = key(
        number(0.1), "highest lag of a target that has caught up", default=5.0
    )
    for_seconds: float = key(number(0), "for how long on end", default=30.0)


@dataclass(frozen=True, slots=True)
class HooksSettings:
    """Shell commands that run when something happens."""

    on_start: str | None = key(text, "command before anything is changed; its failure ends the run")
    on_snapshot_done: str | None = key(text, "command when the copy is complete")
    on_caught_up: str | None = key(text, "command when the target has caught up, once a run")
    on_failure: str | None = key(text, "command when the run has failed")
    on_stop: str | None = key(text, "command at the end of the run, however it ended")
    timeout_seconds: float = key(number(0.1), "how long a command may take", default=60.0)


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """What holds a run back from outside."""

    file: str | None = key(local_path, "while this file exists, the run is paused")
    host_file: str = key(
        local_path,
        "while this file exists, all runs of this machine are paused; it counts if it is of this "
        "user, or of root",
        default="/tmp/alternator-migrate.throttle",  # noqa: S108 # its owner is looked at
    )
    command: str | None = key(text, "the run is paused unless this command's exit code is 0")
    url: str | None = key(http_url, "the run is paused unless a GET of this is answered with 200")
    seconds: float = key(
        number(0.1),
        "how often the command and the URL are asked, and how long each may take",
        default=10.0,
    )
