"""Savepoints of ScyllaDB Migrator: known where they stand beside ours, and what it needs of ours.

Its savepoints are its configuration as YAML, with what is to be skipped. Older releases name them
by seconds, newer ones by milliseconds and a counter, just as ours are.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from alternator_migrate.savepoints.place import Located, Place

_NAME: Final = re.compile(r"savepoint_(\d{1,13})(?:_(\d{1,10}))?\.yaml")
_LINE: Final = re.compile(rb"^source:", re.MULTILINE)
_DIGITS_OF_SECONDS: Final = 10


class ForeignFileError(ValueError):
    """The file is none of ours, but a savepoint of ScyllaDB Migrator, or a configuration."""


def check(text: bytes) -> None:
    """Raise `ForeignFileError` for a configuration in YAML; ours are JSON, whole or not."""
    if _LINE.search(text):
        raise ForeignFileError("it is a savepoint of ScyllaDB Migrator, or a configuration")


def savepoints(place: Place) -> Iterator[Located]:
    """The savepoints of ScyllaDB Migrator in a place, the newest first."""
    named = [(_NAME.fullmatch(name), name) for name in place.names()]
    for _, name in sorted(((_age(match), name) for match, name in named if match), reverse=True):
        if _is_foreign(place, name):
            yield place.where(name)


def is_named_so(path: Path) -> bool:
    """Whether a file has the name of a savepoint."""
    return _NAME.fullmatch(path.name) is not None


def what_it_lacks(configuration: Mapping[str, Any]) -> str:
    """What a person has to do before ScyllaDB Migrator can go on from a savepoint with this
    configuration; "" where it can at once."""
    lacks = [
        f"put {side}.credentials.secretKey back (and sessionToken, if there was one)"
        for side in ("source", "target")
        if _is_without_secret(configuration.get(side))
    ]
    savepoints = configuration.get("savepoints")
    if isinstance(savepoints, Mapping) and _is_without_secret(savepoints.get("target")):
        lacks.append("put savepoints.target.credentials.secretKey back")
    if "${" in json.dumps(configuration):
        lacks.append("write its value in place of each ${VARIABLE}")
    if not lacks:
        return ""
    return (
        f"secrets are not kept here: to go on from this file with ScyllaDB Migrator, "
        f"{', and '.join(lacks)}; or take source.scanSegments and skipSegments over into the "
        "configuration that it has"
    )


def _is_without_secret(side: object) -> bool:
    keys = side.get("credentials") if isinstance(side, Mapping) else None
    return isinstance(keys, Mapping) and "accessKey" in keys and not keys.get("secretKey")


def _age(name: re.Match[str]) -> tuple[int, int]:
    """Milliseconds and counter."""
    unit = 1000 if len(name[1]) <= _DIGITS_OF_SECONDS else 1
    return int(name[1]) * unit, int(name[2] or 0)


def _is_foreign(place: Place, name: str) -> bool:
    try:
        check(place.read(name))
    except ForeignFileError:
        return True
    except OSError:
        return False
    return False
