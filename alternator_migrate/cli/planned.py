"""`plan`: what `run` with the same options would do, beside its savepoints too."""

from collections.abc import Iterator

from alternator_migrate.cli.export_plan import export_lines
from alternator_migrate.cli.plan import plan_text
from alternator_migrate.config import Settings
from alternator_migrate.core.errors import UsageError
from alternator_migrate.engines import EngineOptions
from alternator_migrate.migration import MigrationRun
from alternator_migrate.savepoints import Earlier, progress_of


async def planned(
    settings: Settings, run: MigrationRun, engine_options: EngineOptions
) -> tuple[str, UsageError | None]:
    """The text of the plan, and what `run` would refuse to begin with. Writes nothing. Raises
    `UsageError` where a savepoint does not fit, and `MigrateError`."""
    async with run.opened() as (pair, earlier):
        refusal: UsageError | None = None
        done = False
        try:
            run.check_tables(pair, earlier)
            done = earlier is not None and run.is_done(pair, earlier)
            if not done:
                await run.check_contents(pair, earlier)
        except UsageError as error:
            refusal = error
        beginning = [*export_lines(settings, pair, run.export)]
        beginning += _beginning(earlier, refusal, done=done)
        beginning += [f"        warning: {text}" for text in run.doubts]
        return await plan_text(settings, pair, engine_options, beginning), refusal


def _beginning(earlier: Earlier | None, refusal: UsageError | None, *, done: bool) -> Iterator[str]:
    """Where the run begins; what an earlier one did is told."""
    if refusal:
        yield "run     refused, exit code 2: see the error"
    elif earlier is None:
        yield "run     begins at the start"
    elif done:
        yield f"run     nothing to do: this migration is done already, says {earlier[0]}"
    else:
        yield f"run     goes on from {earlier[0]}"
    if earlier:
        progress = progress_of(earlier[1])
        items = progress.items
        yield (
            f"        {progress.segments_done}/{progress.segments_total} segments done, "
            f"{items.written:,} items written; the figures below are of the whole table"
        )
