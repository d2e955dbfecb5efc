"""Options that do nothing beside others: refused, so that nobody counts on them."""

from collections.abc import Collection, Mapping
from typing import Any, Final

_ENGINES: Final = ("engine", "workers", "scheduler")
_ALONE: Final[Mapping[str, tuple[str, Collection[str], str]]] = {
    "rejects": (
        "--rejects",
        (
            *("validate", "shard", "fresh", "into_existing"),
            *("until_caught_up", "disable_stream_after", "transform_changed", *_ENGINES),
            *("retry_failed", "add"),
        ),
        "it sends the items of one file into the table that is there, and does nothing else",
    ),
    "schema_only": (
        "--schema-only",
        (
            *("validate", "shard", "rejects", "fresh", "into_existing"),
            *("until_caught_up", "disable_stream_after", "transform_changed", *_ENGINES),
        ),
        "it makes the target table, and copies nothing",
    ),
    "shard": (
        "--shard",
        ("validate",),
        "run `validate` when all shards are done and finished",
    ),
    "finish": (
        "--shard finish/N",
        ("fresh", "into_existing", *_ENGINES),
        "it does what comes after the data of all shards, and copies nothing",
    ),
    "add": (
        "--add",
        ("fresh",),
        "--fresh chooses all tables anew; to copy anew some of a run that is to grow, --add first",
    ),
    "sample": ("--sample", ("digest",), "a sample is looked up"),
    "scheduler": ("--scheduler", ("workers",), "a cluster that runs has workers of its own"),
    "local": ("--engine local", ("workers",), "that is one process: pass --engine processes"),
}
"""By option: how it is written, what cannot stand beside it, and why or what to do instead."""
_NEEDED: Final[Mapping[str, tuple[str, str]]] = {
    "scheduler": ("dask", "--scheduler goes with --engine dask"),
    "yes": ("delete_extra", "--yes goes with --delete-extra: nothing else asks"),
    "disable_stream_after": (
        "until_caught_up",
        "--disable-stream-after goes with --until-caught-up: a run that is stopped goes on later, "
        "and needs the stream for that",
    ),
}
_WRITTEN: Final = {"digest": "--mode digest"}


def clash(options: Mapping[str, Any]) -> str:
    """The mistake in options that were given together, in one sentence; "" without one."""
    given = _given(options)
    for name, (written, others, why) in _ALONE.items():
        beside = [other for other in others if other in given]
        if name in given and beside:
            other = _WRITTEN.get(beside[0], f"--{beside[0].replace('_', '-')}")
            return f"{written} and {other} cannot go together: {why}"
    lacking = [
        why for name, (other, why) in _NEEDED.items() if name in given and other not in given
    ]
    return lacking[0] if lacking else ""


def _given(options: Mapping[str, Any]) -> set[str]:
    """The options that say anything, and the values of some that count as options."""
    given = {name for name, value in options.items() if value not in (None, False, "auto", ())}
    shard = options.get("shard")
    if shard and shard.index is None:
        given.add("finish")
    return given | {str(options[name]) for name in ("engine", "mode") if name in given}
