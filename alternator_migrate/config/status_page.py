"""The status page of a run, as a configuration asks for it."""

from dataclasses import dataclass
from typing import Any

from alternator_migrate.config.kinds import any_text, key, list_of, text
from alternator_migrate.core.listen import Listen


def listen_at(value: Any) -> Listen:
    """[HOST:]PORT."""
    return Listen.written(any_text(value))


@dataclass(frozen=True, slots=True)
class StatusSettings:
    """The status page of a run."""

    listen: Listen | None = key(
        listen_at, "[HOST:]PORT of the status page; this machine alone sees it without a host"
    )
    allowed_hosts: tuple[str, ...] = key(
        list_of(text), "further names of this machine that the page answers to", default=()
    )
