"""How a run stands at this moment, asked by its control socket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.monitor import ask, control_name, socket_of
from alternator_migrate.savepoints import Place, holder


@dataclass(frozen=True, slots=True)
class Live:
    """The answer of a run: its status line, and its summary as JSON has it."""

    line: str
    summary: Mapping[str, Any]


def live(place: Place, identities: Sequence[str]) -> Live | None:
    """The answer of the first of these that runs and listens; None where none does, or where it is
    too busy to answer: then its savepoint has to do."""
    for identity in identities:
        path = socket_of(place.near, control_name(identity)) if holder(place, identity) else None
        try:
            answer = ask(path, ["status"]) if path else {}
        except MigrateError:
            continue
        if isinstance(summary := answer.get("status"), dict):
            return Live(str(answer.get("text", "")), summary)
    return None
