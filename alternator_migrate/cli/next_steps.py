"""What a person does next, by how a run ended."""

from collections.abc import Iterator

from alternator_migrate.core.progress import RunProgress
from alternator_migrate.core.state import Status


def next_steps(run: RunProgress) -> Iterator[str]:
    """What is to be done next, in the order of doing it."""
    if not run.status.is_final:
        if run.savepoint:
            yield "the same command goes on from the savepoint"
        return
    if run.status == Status.REJECTS:
        yield "mend the items of the rejects file, and send them again with run --rejects FILE"
    if run.status == Status.DIFFERENCES:
        yield "look at the findings; validate --repair writes what is missing or different"
    if run.work == "Validation" or any(table.validated for table in run.tables):
        return
    if run.status == Status.COMPLETED:
        yield "validate compares both tables, both ways"
    if not any(table.changes for table in run.tables):
        yield (
            "what was written to the source meanwhile is not on the target: with "
            "target.streamChanges it would be"
        )
