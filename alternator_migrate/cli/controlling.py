"""`control`: a command for a run that lasts, by its socket."""

import json
from collections.abc import Sequence
from pathlib import Path

from alternator_migrate import config
from alternator_migrate.cli import tables
from alternator_migrate.cli.controls import NAMES
from alternator_migrate.cli.report import print_out
from alternator_migrate.config import Loaded
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.migration import Part
from alternator_migrate.monitor import ask, control_name, socket_of
from alternator_migrate.savepoints import Place, holder, place_of


def parted(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The configuration, where the first word is no command, and the words of the command."""
    first, *rest = words
    if first in NAMES or ("=" in first and not Path(first).exists()):
        return None, words
    return first, rest


def control(
    loaded: Loaded,
    words: Sequence[str],
    *,
    shard: Part | None,
    validation: bool,
    as_json: bool,
) -> int:
    """Have a running migration, or validation, do a command. Returns 0, or 1 where it did not do
    it; raises `UsageError` where none runs that could be asked."""
    place = place_of(loaded.settings)
    part = shard.suffix if shard else ""
    if loaded.settings.tables:
        own, validating = tables.identities(loaded.settings, part)
    else:
        own = config.migration_identity(loaded.settings) + part
        validating = config.validation_identity(loaded.settings)
    others = [] if shard else [validating]
    answer = ask(_listening(place, others if validation else [own, *others]), words)
    text = json.dumps(answer) if as_json else str(answer.get("text", ""))
    if answer.get("ok"):
        print_out(f"{text}\n")
        return 0
    if as_json:
        print_out(f"{text}\n")
        return 1
    raise MigrateError(text)


def _listening(place: Place, identities: Sequence[str]) -> Path:
    """The socket of the first of these that runs. Raises `UsageError` where none does."""
    running = [each for each in identities if holder(place, each)]
    for each in running:
        if path := socket_of(place.near, control_name(each)):
            return path
    if running:
        raise UsageError(
            f"process {holder(place, running[0])} is at it, but does not listen",
            "It is being prepared, or could open no socket, as it said when it started.",
        )
    raise UsageError(
        f"this migration is not running, says {place.beside}",
        "`alternator-migrate run` goes on with it, `alternator-migrate status` shows how it "
        "stands; --shard names one of several runs.",
    )
