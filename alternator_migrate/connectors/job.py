"""Jobs of workers: a table's work on an engine."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from alternator_migrate.config import Loaded, PortableConfig, Settings, literal_secrets, portable
from alternator_migrate.connectors.pair import Pair, PairFacts, open_pair
from alternator_migrate.core.errors import UsageError


class TravellingConfig(Protocol):
    """A configuration that travels."""

    def settings(self) -> Settings:
        """The settings on this machine. Raises `ConfigError`."""
        ...


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """Settings as this machine has read them, secrets included: for processes of this machine."""

    known: Settings = field(repr=False)

    def settings(self) -> Settings:
        """The settings."""
        return self.known


@dataclass(frozen=True, slots=True)
class TableJob:
    """The part of a job that every kind has: the configuration, and the facts of both tables."""

    configuration: TravellingConfig
    known: PairFacts
    key: str = field(default_factory=lambda: uuid.uuid4().hex, kw_only=True)

    @classmethod
    def between(cls, configuration: TravellingConfig, pair: Pair, *own: object) -> Self:
        """The job of an open `pair`, with fields of its `own`."""
        found = replace(pair.inspection, segments=())
        known = PairFacts(
            found,
            pair.read_cap,
            pair.write_cap,
            pair.concurrency,
            code=pair.code,
            old_images=pair.old_images,
            exports=pair.exports,
        )
        return cls(configuration, known, *own)

    def check(self) -> None:
        """Raise `UsageError` where this machine lacks a variable that the configuration names, or
        the module of the transform."""
        self.configuration.settings()
        if self.known.code:
            self.known.code.functions()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[Settings, Pair]]:
        """The settings, and the pair; its nodes are watched meanwhile. Raises `MigrateError`."""
        settings = self.configuration.settings()
        async with open_pair(settings, known=self.known) as pair, asyncio.TaskGroup() as group:
            watching = [group.create_task(side.watch()) for side in (pair.source, pair.target)]
            yield settings, pair
            for task in watching:
                task.cancel()


def travelling(loaded: Loaded, scheduler: str | None, *, here: bool) -> TravellingConfig:
    """The configuration as it goes to processes of this machine (`here`) or to a cluster. Raises
    `UsageError` as `portable_config` does."""
    return LocalConfig(loaded.settings) if here else portable_config(loaded, scheduler)


def portable_config(loaded: Loaded, scheduler: str | None) -> PortableConfig:
    """The configuration as it goes to a cluster: with literal secrets only where TLS hides them.

    Raises `UsageError` for others.
    """
    secrets = ", ".join(literal_secrets(loaded))
    if secrets and scheduler and not scheduler.startswith("tls://"):
        raise UsageError(
            f"{secrets} would travel in the clear to {scheduler}",
            "Write ${VAR} in the configuration and set that variable on the workers, or use a "
            "scheduler with tls://.",
        )
    return portable(loaded, with_secrets=True)
