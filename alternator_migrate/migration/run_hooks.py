"""The hooks of a run of many tables: each event is told once for all of them."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from alternator_migrate.config import Loaded
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.migration.hooks import Hooks

log = logging.getLogger(__name__)
_CAUGHT_UP: Final = "onCaughtUp"


def without_run_hooks(loaded: Loaded) -> Loaded:
    """The configuration of one table, without the hooks that are told of the run as a whole: all
    but `onSnapshotDone`."""
    settings = loaded.settings
    own = replace(settings.hooks, on_start=None, on_caught_up=None, on_failure=None, on_stop=None)
    return replace(loaded, settings=replace(settings, hooks=own))


class RunHooks:
    """Runs the hooks of a run; `total()` is its snapshot, `path` its run file."""

    def __init__(self, hooks: Hooks, total: Callable[[], Progress], path: str) -> None:
        self._hooks, self._total, self._path = hooks, total, path

    async def run(self, event: str, status: Status) -> str | None:
        """Run the hook of an event, if there is one; why it failed, which is told as well."""
        if not self._hooks.has(event):
            return None
        progress = self._total()
        facts = {
            "status": status,
            "source_table": "",
            "target_table": "",
            "tables": progress.source.partition(" ")[0],
            "lag_seconds": progress.changes and progress.changes.lag,
            "savepoint": self._path,
        }
        failure = await self._hooks.run(event, facts)
        if failure:
            log.warning("warning: %s", failure)
        return failure

    async def caught_up(self, *, lacking: str, ends: bool) -> bool:
        """All tables that are followed have caught up: run the hook for it, unless tables are
        `lacking`; whether it was run. Raises `MigrateError` where it fails and following `ends`."""
        if not self._hooks.has(_CAUGHT_UP):
            return False
        if lacking:
            log.warning("warning: hook %s is not run: %s", _CAUGHT_UP, lacking)
            return False
        failure = await self.run(_CAUGHT_UP, Status.RUNNING)
        if failure and ends:
            raise MigrateError(failure, "All tables have caught up: mend the hook, run again.")
        return True
