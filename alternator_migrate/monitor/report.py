"""The report of a run: one file without any other, to be attached, read and printed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alternator_migrate import __version__
from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.next_steps import next_steps
from alternator_migrate.core.progress import Message, Progress, RunProgress
from alternator_migrate.core.state import Status
from alternator_migrate.core.texts import date_text, duration, moment, size_text, without_items
from alternator_migrate.monitor import parts
from alternator_migrate.monitor.history import Sample
from alternator_migrate.monitor.html import Html, element, facts, section, table
from alternator_migrate.monitor.page import document

_OUTCOMES: Final[Mapping[Status, str]] = {
    Status.RUNNING: "has not ended",
    Status.STOPPED: "was stopped",
    Status.FAILED: "failed",
    Status.COMPLETED: "completed",
    Status.REJECTS: "finished, with rejected items",
    Status.DIFFERENCES: "finished, with differences",
}


@dataclass(frozen=True, slots=True)
class Context:
    """What a report tells beside the run itself: the settings as they are written, by their keys;
    what a validation says of its outcome; warnings and notes; the versions of what it ran on."""

    settings: Mapping[str, str] = field(default_factory=dict)
    verdict: Sequence[str] = ()
    notes: Sequence[Message] = ()
    versions: Sequence[str] = ()


def report(run: RunProgress, samples: Sequence[Sample], context: Context) -> str:
    """The report of a run as it stands, or ended."""
    name = parts.title(run)
    of = f" of {name}" if name else ""
    heading = f"{run.work}{of} {_OUTCOMES.get(run.status, run.status)}"
    main = element(
        "main",
        _outcome(run, samples),
        _accounts(run.tables),
        _verdict(run, context.verdict),
        _not_copied(run.tables, context),
        _next_steps(run),
        parts.tables(run),
        section("Over the whole time", parts.plots(samples), key="time"),
        parts.segments(run.tables),
        parts.sides(run),
        parts.causes(run.requests),
        parts.workers(run),
        _notes(context.notes),
        _settings(run, context),
    )
    header = element("header", element("h1", heading))
    return document(heading, element("body", header, main, _footer(run, context)))


def write_report(path: Path, text: str) -> None:
    """Put a report into a file. Raises `OSError`."""
    path.write_text(text, encoding="utf-8")


def _outcome(run: RunProgress, samples: Sequence[Sample]) -> Html:
    """How it ended, and in what time."""
    whole = sum(sample.seconds for sample in samples)
    starts = sum(sample.resumes for sample in samples)
    earlier = f"{duration(whole)} in {starts} runs" if starts > 1 else ""
    pairs = [
        ("Started", date_text(run.began)),
        ("Ended", date_text(run.began + run.seconds) if run.status != Status.RUNNING else ""),
        ("Time of this run", duration(run.seconds)),
        ("Of which paused", duration(run.paused_seconds) if run.paused_seconds else ""),
        ("All runs together", earlier),
        ("Bytes read", size_text(sum(table.bytes_read for table in run.tables))),
        ("Items/s on average", f"{run.speed:,.0f}" if run.speed else ""),
        ("Switch clients now?", parts.switch_text(run)),
    ]
    return section("Outcome", parts.state_line(run), facts(pairs), key="outcome")


def _accounts(tables: Sequence[Progress]) -> Html:
    """The identity of the accounts, a table a row, and of all."""
    copied = [table for table in tables if table.phase == "Copy"]
    rows = [_account(each) for each in copied]
    heads = ("Table", "Read", "= written", "+ skipped", "+ rejected", "Holds")
    items = table("Items: read = written + skipped, expired + rejected", heads, rows, numbers=5)
    followed = [(each.source, each.changes) for each in tables if each.changes]
    changes = [
        (source, f"{change.counts.read + change.waiting:,}", f"{change.counts.applied:,}",
         f"{change.counts.superseded:,}", f"{change.counts.rejected:,}", f"{change.waiting:,}")
        for source, change in followed
    ]  # fmt: skip
    heads = ("Table", "Read", "= applied", "+ superseded", "+ rejected", "+ waiting")
    caption = "Changes: read = applied + superseded + rejected + waiting"
    return section(
        "Accounts",
        items if rows else "",
        table(caption, heads, changes, numbers=5) if changes else "",
        key="accounts",
    )


def _account(each: Progress) -> Sequence[str]:
    items = each.items
    again = items.read - items.handled
    holds = "yes" if items.accounted else f"{again:,} more are to be read again"
    return (
        each.source,
        f"{items.handled:,}",
        f"{items.written:,}",
        items.skipped_text,
        f"{items.rejected:,}",
        holds,
    )


def _verdict(run: RunProgress, lines: Sequence[str]) -> Html:
    """What a validation found, and how sure that is."""
    found = [(each.source, each.validated) for each in run.tables if each.validated]
    heads = ("Table", "Compared", "Missing", "Different", "Extra", "Repaired", "Verdict")
    rows = [(source, *_differences(counts), _judged(run, counts)) for source, counts in found]
    return section(
        "Validation",
        table("Differences of source and target", heads, rows, numbers=6) if rows else "",
        *(element("p", without_items(line)) for line in lines),
        key="validation",
    )


def _differences(counts: ValidationCounts) -> Iterator[str]:
    for count in (
        counts.compared,
        counts.missing,
        counts.different,
        counts.extra,
        counts.repaired,
    ):
        yield f"{count:,}"


def _judged(run: RunProgress, counts: ValidationCounts) -> str:
    if counts.left:
        return f"{counts.left:,} differ"
    return "equal" if run.status.is_final else "not at its end"


def _not_copied(tables: Sequence[Progress], context: Context) -> Html:
    """What of the source is not on the target, and why."""
    lines = []
    for each in tables:
        if each.items.skipped_expired:
            lines.append(f"{each.source}: {each.items.skipped_expired:,} items that had expired")
        if each.items.dropped:
            lines.append(f"{each.source}: {each.items.dropped:,} items that the transform dropped")
        if each.rejected:
            lines.append(f"{each.source}: {each.rejected:,} items that the target refused")
        if each.phase == "Copy" and each.segments_done < each.segments_total:
            left = each.segments_total - each.segments_done
            lines.append(f"{each.source}: what is left of {left:,} segments")
    for key, words in _LEFT_OUT.items():
        given = [value for name, value in context.settings.items() if name.startswith(key)]
        lines += [f"{words}: {', '.join(given)}"] if given else []
    items = [element("li", without_items(line)) for line in lines]
    return section("What was not copied", element("ul", *items) if items else "", key="left-out")


_LEFT_OUT: Final[Mapping[str, str]] = {
    "source.filter.expression": "items that do not match source.filter",
    "source.attributes.drop": "attributes of source.attributes.drop",
    "skipSegments": "segments of skipSegments",
}


def _next_steps(run: RunProgress) -> Html:
    """What is to be done next."""
    items = [element("li", line) for line in next_steps(run)]
    return section("What to do next", element("ul", *items), key="next")


def _notes(notes: Sequence[Message]) -> Html:
    """Warnings and notes, in the order they came."""
    lines = [element("li", f"{moment(each.at)} {without_items(each.words)}") for each in notes]
    return section("Warnings and notes", element("ul", *lines) if lines else "", key="notes")


def _settings(run: RunProgress, context: Context) -> Html:
    """The settings as they are written, and those that were changed while it ran."""
    rows = sorted(context.settings.items())
    written = table("Settings as written, without secrets", ("Setting", "Value"), rows)
    changed = [setting for setting in run.settings if setting.since]
    told = [
        (each.key, each.value, f"was {each.before} until {moment(each.since)}") for each in changed
    ]
    heads = ("Setting", "Value", "Changed")
    return section(
        "Settings",
        written if rows else "",
        table("Changed while it ran", heads, told) if told else "",
        key="settings",
    )


def _footer(run: RunProgress, context: Context) -> Html:
    saved = f"Savepoint {run.savepoint}. " if run.savepoint else ""
    rejects = f"Rejected items: {run.rejects}. " if run.rejects else ""
    versions = ", ".join((f"alternator-migrate {__version__}", *context.versions))
    return element("footer", element("p", f"{saved}{rejects}"), element("p", versions))
