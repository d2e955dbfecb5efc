"""What a person does next, by how a run stands or ended."""

from collections.abc import Iterator
from typing import Final

from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.progress import RunProgress
from alternator_migrate.core.state import Status

_MOVED: Final = (
    "; the transform gives items other keys, and where two of different pages got one key, the "
    "last is there, which it tells"
)


_DOUBTED: Final = (
    "Run validate --repair --delete-extra before you switch: until it finds both tables equal, the "
    "target may differ, as the warnings say."
)
_EXPORTED: Final = (
    "Copy it into a table by a run with --source-export, or import its data folder by AWS's "
    "ImportTable (`alternator-migrate help s3-exports`)."
)


def next_steps(run: RunProgress) -> Iterator[str]:
    """What is to be done next, in the order of doing it."""
    follows = any(table.changes for table in run.tables)
    calls = sum((table.calls for table in run.tables), CallFigures())
    if run.status in (Status.FAILED, Status.STOPPED, Status.RUNNING):
        yield "Run the same command again: it goes on from its savepoint."
        if changed := [setting.key for setting in run.settings if setting.since]:
            names = ", ".join(changed)
            yield f"What was changed while it ran is the configuration's then: {names}."
        return
    if run.status == Status.REJECTS:
        yield from _of_rejects(run, "the transform or " if calls.slowest else "")
    if run.status == Status.DIFFERENCES:
        yield (
            "Look at the findings file; validate --repair writes what is missing or different, "
            "--delete-extra deletes what the source does not have."
        )
    if any(table.is_export for table in run.tables):
        yield _EXPORTED
        return
    if run.is_doubted:
        yield _DOUBTED
    elif run.work == "Migration" and not any(table.validated for table in run.tables):
        yield f"Run validate: it compares both tables, both ways{_MOVED if calls.moved else ''}."
    if run.can_switch:
        yield "Switch the clients to the target; the writers to the source stay stopped."
    elif run.status == Status.COMPLETED and not follows:
        yield (
            "If clients wrote to the source meanwhile, their writes are not on the target: stop "
            "them, then validate --repair --delete-extra; or migrate with target.streamChanges."
        )


def _of_rejects(run: RunProgress, others: str) -> Iterator[str]:
    """What is to be done with what was refused: items are sent again, once they, or `others`, are
    mended; followed changes are not, for their keys may have changed since."""
    changes = [table.changes.counts for table in run.tables if table.changes]
    if any(each.rejected for each in changes):
        yield (
            f"Mend {others}the items of refused changes on the source, or delete them there; then "
            "validate --repair --delete-extra, and delete their lines of the rejects file."
        )
    if any(table.items.rejected for table in run.tables):
        yield (
            f"Mend {others}the items of the rejects file and send them again with run --rejects "
            "FILE."
        )
