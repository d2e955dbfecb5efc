"""The limits that a person may change while a run lasts: their names, values and bounds."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from alternator_migrate.core.steering import NO_CAPS, Caps

_LIFTED: Final = ("none", "null", "")


class BadSetting(ValueError):
    """A limit that cannot be what is asked for; the message says why."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: its `key` in the configuration, the `field` of `Caps`, and its unit."""

    key: str
    field: str
    unit: str

    @property
    def name(self) -> str:
        """The name without the section."""
        return self.key.rpartition(".")[2]

    @property
    def is_whole(self) -> bool:
        """Whether the value is a whole number."""
        return not self.unit.startswith("units")


LIMITS: Final = (
    Limit("source.readThroughput", "read", "units/s"),
    Limit("target.writeThroughput", "write", "units/s"),
    Limit("source.maxMapTasks", "readers", "segments read at once"),
    Limit("target.maxConnections", "writers", "batches written at once"),
)


def of_run(allowed: Caps, without: Collection[str] = ()) -> tuple[Limit, ...]:
    """The limits that a run obeys for which so much is `allowed`: it knows of whole numbers what
    they are, or does not take them, nor those whose fields are in `without`."""
    return tuple(
        limit
        for limit in LIMITS
        if limit.field not in without
        and (not limit.is_whole or getattr(allowed, limit.field) is not None)
    )


def limit_named(name: str, limits: Sequence[Limit] = LIMITS) -> Limit:
    """One of these limits by its name or its key. Raises `BadSetting`."""
    for limit in limits:
        if name in (limit.name, limit.key):
            return limit
    names = [limit.name for limit in limits]
    near = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise BadSetting(f"{name} cannot be changed in this run, but {', '.join(names)}{meant}")


def changed(
    asked: Caps, allowed: Caps, words: Sequence[str], without: Collection[str] = ()
) -> Caps:
    """What is asked for after `set NAME=VALUE ...`, within what is allowed; see `of_run`.

    Raises `BadSetting` with all that is wrong, in which case nothing is to be changed.
    """
    values: dict[str, Any] = {}
    wrong = []
    for word in words:
        name, _, text = word.partition("=")
        try:
            limit = limit_named(name.strip(), of_run(allowed, without))
            values[limit.field] = _value(limit, text.strip(), getattr(allowed, limit.field))
        except BadSetting as error:
            wrong.append(str(error))
    if wrong:
        raise BadSetting("; ".join(wrong))
    return replace(asked, **values)


def told(limit: Limit, asked: Caps, allowed: Caps | None) -> str:
    """A limit as it is now, for a person."""
    now = _in_force(limit, asked, allowed)
    text = "no limit" if now is None else f"{now:,g} {limit.unit}"
    configured = getattr(allowed or NO_CAPS, limit.field)
    if getattr(asked, limit.field) is None or configured is None:
        return text
    return f"{text} (the configuration allows {configured:,g})"


def in_force(asked: Caps, allowed: Caps | None) -> Mapping[str, float | None]:
    """All limits now, by their keys."""
    return {limit.key: _in_force(limit, asked, allowed) for limit in LIMITS}


def _in_force(limit: Limit, asked: Caps, allowed: Caps | None) -> float | None:
    both = (getattr(asked, limit.field), getattr(allowed or NO_CAPS, limit.field))
    return min((value for value in both if value is not None), default=None)


def _value(limit: Limit, text: str, allowed: float | None) -> float | None:
    """The value that is asked for; None for that of the configuration."""
    if text.lower() in _LIFTED:
        return None
    kind, least = (int, 1) if limit.is_whole else (float, 0.1)
    try:
        value = kind(text.replace(",", "").replace("_", ""))
    except ValueError:
        value = 0
    if not least <= value < float("inf"):
        what = "whole number" if limit.is_whole else "number"
        raise BadSetting(f"{limit.name} must be a {what} of at least {least}, or none")
    if allowed is not None and value > allowed:
        raise BadSetting(
            f"{limit.name}={value:,g} is beyond the {allowed:,g} {limit.unit} that the "
            "configuration allows"
        )
    return value
