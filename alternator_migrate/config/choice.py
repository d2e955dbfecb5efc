"""Which tables a run moves, and where to: chosen by name and tag, renamed, and checked."""

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from alternator_migrate.config.identity import fingerprint
from alternator_migrate.config.patterns import Pattern, has_tags, is_for, renamed
from alternator_migrate.config.tables_settings import TablesSettings
from alternator_migrate.core.errors import UsageError
from alternator_migrate.dynamodb.dialect import Dialect

_LETTERS: Final = re.compile(r"[A-Za-z0-9_.-]{3,}")


@dataclass(frozen=True, slots=True)
class Chosen:
    """One table of a run: its name on the source and on the target."""

    source: str
    target: str

    def __str__(self) -> str:
        return self.source if self.source == self.target else f"{self.source} -> {self.target}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The tables of a run in the order of their names; and for each table of the source that was
    left out, why."""

    tables: tuple[Chosen, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """The tables of a source: their names, and the tags of each that was asked for them."""

    names: Collection[str]
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def selection(tables: TablesSettings) -> str:
    """A digest of all that decides which tables are moved, and where to."""
    return fingerprint(
        [
            [str(each) for each in tables.include],
            dict(tables.include_tags),
            [str(each) for each in tables.exclude],
            dict(tables.rename),
        ]
    )


def candidates(tables: TablesSettings, names: Iterable[str]) -> list[str]:
    """The names that are included and not excluded, before tags are looked at."""
    return [
        name
        for name in names
        if (not tables.include or _first(tables.include, name)) and not _first(tables.exclude, name)
    ]


def choose(tables: TablesSettings, listing: Listing, source: Dialect) -> Choice:
    """Choose from a `listing` of the source. Raises `UsageError` with every mistake: what matches
    nothing, and rules that mean no table of the run."""
    everything = sorted(listing.names)
    reasons = {name: _why_not(tables, name, listing, source) for name in everything}
    left_out = {name: why for name, why in reasons.items() if why}
    names = [name for name in everything if name not in left_out]
    mistakes = [*_unmatched(tables, names, left_out, listing)]
    if not names and not mistakes:
        mistakes.append(f"no table is chosen, of {len(left_out)} at the source")
    _refuse(mistakes)
    chosen = tuple(Chosen(name, renamed(tables.rename, name)) for name in names)
    return Choice(chosen, left_out)


def check_targets(tables: Sequence[Chosen], target: Dialect, *, same_place: bool) -> None:
    """Raise `UsageError` with every name that cannot be on the target: refused by its server,
    taken by two tables, or, where source and target are in the `same_place`, a table that is moved
    itself."""
    into = defaultdict(list)
    for each in tables:
        into[each.target].append(each.source)
    moved = {each.source for each in tables}
    mistakes = []
    for name, sources in into.items():
        if len(sources) > 1:
            mistakes.append(f"{_listed(sources)} would both go to {name}")
        if why := _refused_name(name, target):
            mistakes.append(f"{sources[0]} would go to {name!r}: {why}")
        if same_place and name in moved:
            other = "itself" if name in sources else f"{name}, which is moved as well"
            mistakes.append(f"{sources[0]} would go to {other}: both sides are one place")
    _refuse(mistakes, "Give them other names with tables.rename, or leave one out.")


def override_of(tables: TablesSettings, name: str) -> str:
    """The key of `overrides` that is for a table: its name, else the first pattern that matches;
    "" without one."""
    if name in tables.overrides:
        return name
    return next((key for key in tables.overrides if Pattern(key).matches(name)), "")


def picked(tables: Sequence[str], only: Sequence[str], skip: Sequence[str]) -> list[str]:
    """The tables that --only names, without those that --skip does; both take patterns. Raises
    `UsageError` for one that means no table of the run."""
    mistakes = [
        f"--{option} {each}: no table of this run{_meant(each, tables)}"
        for option, given in (("only", only), ("skip", skip))
        for each in given
        if not any(Pattern(each).matches(name) for name in tables)
    ]
    _refuse(mistakes)
    wanted = [Pattern(each) for each in only]
    unwanted = [Pattern(each) for each in skip]
    found = [
        name
        for name in tables
        if (not wanted or _first(wanted, name)) and not _first(unwanted, name)
    ]
    if not found:
        of_these = " that --only names" if only else ""
        raise UsageError(f"no table is left to do: --skip takes all away{of_these}")
    return found


def _why_not(tables: TablesSettings, name: str, listing: Listing, source: Dialect) -> str:
    """Why a table of the source is left out; "" where it is moved."""
    if source.internal and source.internal.search(name):
        return f"{source.name} keeps it to itself"
    if tables.include and not _first(tables.include, name):
        return "not included"
    if taken := _first(tables.exclude, name):
        return f"excluded by {taken}"
    if tables.include_tags and not has_tags(tables.include_tags, listing.tags.get(name, {})):
        return "without the tags of includeTags"
    return ""


def _unmatched(
    tables: TablesSettings, names: Sequence[str], left_out: Mapping[str, str], listing: Listing
) -> Iterator[str]:
    """Patterns of `include`, `rename` and `overrides` that mean no table of the run."""
    for each in tables.include:
        matching = [name for name in listing.names if each.matches(name)]
        if not matching:
            yield f"tables.include: {each} matches no table{_meant(each.written, listing.names)}"
        elif each.is_name and each.written in left_out:
            yield f"tables.include: {each} is left out: {left_out[each.written]}"
    for old in tables.rename:
        if not any(is_for(old, name) for name in names):
            yield f"tables.rename: {old} is for no table of the run{_meant(old, names)}"
    for key in tables.overrides:
        if not any(Pattern(key).matches(name) for name in names):
            yield f"tables.overrides: {key} is for no table of the run{_meant(key, names)}"


def _refused_name(name: str, dialect: Dialect) -> str:
    if len(name) > dialect.table_name:
        return f"{dialect.name} takes names of up to {dialect.table_name} characters"
    if not _LETTERS.fullmatch(name):
        return "names have at least 3 letters, digits and _.-"
    if dialect.internal and dialect.internal.search(name):
        return f"{dialect.name} keeps such names to itself"
    return ""


def _first(patterns: Iterable[Pattern], name: str) -> Pattern | None:
    return next((each for each in patterns if each.matches(name)), None)


def _meant(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _refuse(mistakes: Sequence[str], hint: str = "") -> None:
    if not mistakes:
        return
    lines = "".join(f"\n  {each}" for each in mistakes)
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise UsageError(
        f"the choice of tables has {count}:{lines}", hint or "`plan` shows what is chosen, and why."
    )
