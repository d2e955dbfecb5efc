"""The part of a run that copies a table from an export: which one, whether it is there, and what
savepoints keep of it."""

from contextlib import AsyncExitStack
from dataclasses import replace

from alternator_migrate.config import Settings
from alternator_migrate.connectors import (
    KnownExport,
    Pair,
    TableExport,
    begun,
    copied_before,
    reading_export,
    refusing_to_begin,
)
from alternator_migrate.core.state import ExportState
from alternator_migrate.migration.resume import left
from alternator_migrate.savepoints import Earlier, Keeper, Savepoint


class ExportedCopy:
    """The export that a run of these settings copies; `known` once both sides are open, unless its
    copy is over."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.known: KnownExport | None = None

    async def opened(self, pair: Pair, earlier: Earlier | None, stack: AsyncExitStack) -> Pair:
        """The pair that is read from the export, where that is there; else `pair`, which has no
        segments yet. What is opened is closed with the stack. An export whose copy is over is not
        looked at: it may be gone. Raises `UsageError` where nothing can come of it."""
        kept = earlier[1] if earlier else None
        if kept and kept.segments and not left(self._settings, kept):
            return copied_before(pair, kept.segments)
        with refusing_to_begin():
            export = TableExport(self._settings, pair)
            self.known = await export.known(kept.export if kept else None)
            state = self.known.state
            if not state.manifests:
                return pair
            return await stack.enter_async_context(reading_export(self._settings, pair, state))

    async def check(self, pair: Pair, earlier: Earlier | None) -> None:
        """Raise `UsageError` where the table cannot be exported, or changes would be missing."""
        if self.known is None:
            return
        stream = earlier[1].state.stream if earlier else None
        placed = stream is not None and stream.placed_at > 0
        with refusing_to_begin():
            await TableExport(self._settings, pair).check(self.known, placed=placed)


def copying(keeper: Keeper, first: Savepoint, pair: Pair, state: ExportState) -> Savepoint:
    """The savepoint with which the copy of exports begins, or goes on, as the keeper has it from
    now on."""
    export, segments = begun(state, pair), len(pair.inspection.segments)
    keeper.found_export(export, segments)
    return replace(first, export=export, segments=segments)
