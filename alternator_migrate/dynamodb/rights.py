"""Rights that credentials lack: each by its name, and which a migration cannot do without."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from alternator_migrate.core.errors import ServerRefused, UsageError
from alternator_migrate.dynamodb.table_schema import TableState

TTL: Final = "DescribeTimeToLive"
TAGS: Final = "ListTagsOfResource"
_CODES: Final = ("AccessDeniedException", "AccessDenied")
_OF_AWS = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
_OF_ALTERNATOR = re.compile(r"(\w+) access on (.+?) is denied")


@dataclass(frozen=True, slots=True)
class Needs:
    """The parts of both tables that a configuration needs to read."""

    copy_ttl: bool
    copy_tags: bool
    skip_expired: bool


def is_denied(error: ServerRefused) -> bool:
    """Whether a right is lacking."""
    return error.code in _CODES


def right(operation: str, table: str, words: str) -> str:
    """The right that a refusal of `operation` speaks of: that of the server's words, if they name
    one."""
    if found := _OF_ALTERNATOR.search(words):
        return f"{found[1]} on {found[2]}"
    named = _OF_AWS.search(words)
    return f"{named[1] if named else f'dynamodb:{operation}'} on table {table}"


def named(operation: str, table: str, error: ServerRefused) -> str:
    """A sentence on the right that a refusal of `operation` speaks of; "" for another refusal."""
    if not is_denied(error):
        return ""
    return f"The credentials lack the right {right(operation, table, error.words)}."


@contextmanager
def needing(remedy: str = "", about: str = "") -> Iterator[None]:
    """Around what nothing is begun without: a right that is lacking is a `UsageError`, with
    `remedy` for what else can be done where it is `about` that."""
    try:
        yield
    except ServerRefused as error:
        if not is_denied(error):
            raise
        hint = f"{error.hint} {remedy}".rstrip() if about in str(error.args[0]) else error.hint
        raise UsageError(str(error.args[0]), hint) from error


def check_source(state: TableState, needs: Needs) -> None:
    """Raise `UsageError` where what decides over the items of the source may not be read."""
    if TTL not in state.denied or not (needs.copy_ttl or needs.skip_expired):
        return
    raise UsageError(
        f"whether the source table {state.spec.name} expires items is not known: "
        f"{state.denied[TTL]}",
        "Grant that right; or set target.copyTtl: false and source.expiredItems: copy, which "
        "copies items that have expired, too.",
    )


def check_target(state: TableState, needs: Needs) -> None:
    """Raise `UsageError` where an existing target may delete items, and nobody may know it."""
    if TTL not in state.denied or not needs.copy_ttl:
        return
    raise UsageError(
        f"whether the target table {state.spec.name} expires items is not known: "
        f"{state.denied[TTL]}",
        "Grant that right; or set target.copyTtl: false, which leaves its TTL to you.",
    )


def notes(source: TableState, target: TableState | None, needs: Needs) -> Iterator[str]:
    """A sentence on each thing that is done without."""
    if TTL in source.denied:
        yield f"TTL: that of the source is not known, {source.denied[TTL]}"
    if TAGS in source.denied and needs.copy_tags:
        yield f"tags: not copied, {source.denied[TAGS]}"
    if target and TTL in target.denied:
        yield f"TTL: whether the target expires items is not known, {target.denied[TTL]}"
    if target and TAGS in target.denied:
        yield f"tags: those of the target are not known, {target.denied[TAGS]}"
