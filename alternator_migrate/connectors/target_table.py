"""The target table: planned from the source's, checked where it exists, made where not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from alternator_migrate.core.errors import HoldsItemsError, ServerRefused, UsageError
from alternator_migrate.dynamodb import rights, table_schema
from alternator_migrate.dynamodb.dialect import SCYLLADB_TAGS, Dialect, Tags
from alternator_migrate.dynamodb.table import Table
from alternator_migrate.dynamodb.table_schema import (
    Index,
    KeyElement,
    TableSpec,
    TableState,
    Throughput,
)

_TAG_KEY: Final = 128
_TAG_VALUE: Final = 256


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """The table to create. `notes` tells each thing that is dropped or widened; `late` are the
    indexes to build after the data; `expires` is the attribute by which the source expires items,
    under the target's name, whether that is copied or not."""

    spec: TableSpec
    late: tuple[Index, ...] = ()
    notes: tuple[str, ...] = ()
    expires: str | None = None


def plan_target(
    source: TableState,
    dialect: Dialect,
    *,
    name: str,
    renames: Mapping[str, str],
    billing_mode: str | None,
    copy_ttl: bool,
    copy_tags: bool,
    extra_tags: Tags,
    indexes: Literal["before", "after", "skip"],
) -> TargetPlan:
    """The target table for `source` under a target's dialect and the settings.

    Raises `UsageError` where the target cannot have the table at all.
    """
    notes = [f"not copied: {what}" for what in source.left_out]
    spec = replace(renamed(source.spec, renames), name=name)
    _check_name_and_keys(spec, dialect)
    kept, index_notes = _indexes_for(spec, dialect)
    notes += index_notes
    kept, index_notes = _indexes_asked_for(kept, indexes)
    notes += index_notes
    tags, tag_notes = _tags_for(spec.tags if copy_tags else {}, extra_tags, dialect)
    notes += tag_notes
    throughput = _throughput_for(spec, billing_mode)
    kept = [index if index.local else _with_capacity(index, throughput) for index in kept]
    if spec.ttl_attribute and not copy_ttl:
        notes.append("TTL: not enabled on the target (target.copyTtl: false)")
    expires = spec.ttl_attribute
    spec = replace(
        spec.with_indexes(kept),
        throughput=throughput,
        tags=tags,
        ttl_attribute=expires if copy_ttl else None,
    )
    late = tuple(index for index in kept if not index.local and indexes == "after")
    return TargetPlan(spec, late, tuple(notes), expires)


def check_internal(role: str, name: str, dialect: Dialect) -> None:
    """Raise `UsageError` for a name of a table that a server keeps to itself."""
    if dialect.internal and dialect.internal.search(name):
        raise UsageError(
            f"{name!r} is no table of a user's: {dialect.name} keeps such names to itself",
            f"Choose another name with {role}.table.",
        )


def before_data(plan: TargetPlan) -> TargetPlan:
    """The same plan for a server that adds no index to a table that is there."""
    names = ", ".join(index.name for index in plan.late)
    note = (
        f"indexes created before the data, not after: {names} (this server adds none to a table "
        "that exists)"
    )
    return replace(plan, late=(), notes=(*plan.notes, note))


def renamed(spec: TableSpec, renames: Mapping[str, str]) -> TableSpec:
    """A table whose attributes have other names. Raises `UsageError` where a key would get the
    name of another one."""
    if not renames:
        return spec
    for old, new in renames.items():
        if new in spec.attributes and new not in renames:
            raise UsageError(
                f"renames: {old!r} would become {new!r}, which is a key attribute of the source",
                "Rename that attribute too, or choose another name.",
            )

    def keys(elements: tuple[KeyElement, ...]) -> tuple[KeyElement, ...]:
        return tuple(replace(e, name=renames.get(e.name, e.name)) for e in elements)

    def projection(found: Mapping[str, object]) -> Mapping[str, object]:
        names = found.get("NonKeyAttributes")
        if not isinstance(names, list):
            return found
        return {**found, "NonKeyAttributes": [renames.get(name, name) for name in names]}

    ttl = spec.ttl_attribute
    return replace(
        spec,
        keys=keys(spec.keys),
        attributes={renames.get(n, n): kind for n, kind in spec.attributes.items()},
        indexes=tuple(
            replace(index, keys=keys(index.keys), projection=projection(index.projection))
            for index in spec.indexes
        ),
        ttl_attribute=renames.get(ttl, ttl) if ttl else None,
    )


def _check_name_and_keys(spec: TableSpec, dialect: Dialect) -> None:
    if len(spec.name) > dialect.table_name:
        raise UsageError(
            f"{dialect.name} takes table names of up to {dialect.table_name} characters, and "
            f"{spec.name!r} has {len(spec.name)}",
            "Choose another name with target.table.",
        )
    check_internal("target", spec.name, dialect)
    for name in dialect.reserved_keys.intersection(spec.key_names):
        raise UsageError(
            f"{dialect.name} cannot have a key attribute named {name!r}",
            "Give it another name with `renames`.",
        )


def _indexes_for(spec: TableSpec, dialect: Dialect) -> tuple[list[Index], list[str]]:
    kept: list[Index] = []
    notes: list[str] = []
    for index in spec.indexes:
        if reason := _index_refused(spec, index, dialect):
            notes.append(f"index {index.name}: dropped, {reason}")
            continue
        projection = index.projection.get("ProjectionType", "ALL")
        if dialect.projects_all and projection != "ALL":
            notes.append(
                f"index {index.name}: projection {projection} becomes ALL "
                f"({dialect.name} projects every attribute)"
            )
            index = replace(index, projection={"ProjectionType": "ALL"})  # noqa: PLW2901 # widened
        kept.append(index)
    return kept, notes


def _indexes_asked_for(
    indexes: list[Index], asked: Literal["before", "after", "skip"]
) -> tuple[list[Index], list[str]]:
    """The indexes that the setting leaves, with notes. It is for global indexes: a local one is
    made with its table or never."""
    if asked == "before":
        return indexes, []
    notes = [
        f"index {index.name}: local, created with the table (target.indexes: {asked} is for global "
        "indexes; a local one cannot be added later)"
        for index in indexes
        if index.local
    ]
    if asked == "after":
        return indexes, notes
    skipped = [index for index in indexes if not index.local]
    notes += [f"index {index.name}: not created (target.indexes: skip)" for index in skipped]
    return [index for index in indexes if index.local], notes


def _index_refused(spec: TableSpec, index: Index, dialect: Dialect) -> str:
    for kind in ("HASH", "RANGE"):
        if sum(element.type == kind for element in index.keys) > dialect.keys_per_type:
            return f"{dialect.name} has no multi-attribute {kind} keys"
    separator = 2 if index.local else 1
    if dialect.view_name and len(spec.name) + len(index.name) + separator > dialect.view_name:
        return (
            f"{dialect.name} takes at most {dialect.view_name} characters of table and index name"
        )
    for element in index.keys:
        if element.name in dialect.reserved_keys:
            return f"{dialect.name} cannot have a key attribute named {element.name!r}"
    return ""


def _tags_for(tags: Tags, extra: Tags, dialect: Dialect) -> tuple[dict[str, str], list[str]]:
    _check_asked(extra, dialect)
    kept: dict[str, str] = {}
    notes: list[str] = []
    for key, value in sorted(tags.items()):
        if key.startswith(SCYLLADB_TAGS) and key not in dialect.own_tags:
            continue
        if reason := _tag_refused(key, value, dialect):
            notes.append(f"tag {key}: dropped, {reason}")
        elif key not in extra and len({*kept, *extra}) >= dialect.tags:
            notes.append(f"tag {key}: dropped, {dialect.name} has room for {dialect.tags} tags")
        else:
            kept[key] = value
    return {**kept, **extra}, notes


def _check_asked(extra: Tags, dialect: Dialect) -> None:
    """Raise `UsageError` for tags that the user asked for and the target would refuse."""
    refused = [
        f"tag {key!r}: {reason}"
        for key, value in sorted(extra.items())
        if (reason := _tag_refused(key, value, dialect))
    ]
    if len(extra) > dialect.tags:
        refused.append(f"{len(extra)} tags: {dialect.name} has room for {dialect.tags}")
    if refused:
        lines = "".join(f"\n  {line}" for line in refused)
        raise UsageError(f"target.tags cannot be set:{lines}", "Change them, or leave them out.")


def _tag_refused(key: str, value: str, dialect: Dialect) -> str:
    """Why the target would refuse a tag; "" if it takes it."""
    if key.startswith(dialect.reserved_tags) and key not in dialect.own_tags:
        return "the name is reserved"
    if dialect.tag_text and not (dialect.tag_text.match(key) and dialect.tag_text.match(value)):
        return f"{dialect.name} takes letters, digits and +-=._:/ only"
    if not 1 <= len(key) <= _TAG_KEY or len(value) > _TAG_VALUE:
        return f"a key has 1 to {_TAG_KEY} characters, a value at most {_TAG_VALUE}"
    allowed = dialect.own_tags.get(key)
    if allowed and value not in allowed:
        return f"its value must be one of {', '.join(allowed)}"
    return ""


def _throughput_for(spec: TableSpec, billing_mode: str | None) -> Throughput | None:
    if billing_mode == "PROVISIONED" and spec.throughput is None:
        raise UsageError(
            "target.billingMode is PROVISIONED, but the source is on demand and names no capacity",
            "Leave billingMode out, or create the target table yourself.",
        )
    return None if billing_mode == "PAY_PER_REQUEST" else spec.throughput


def _with_capacity(index: Index, table: Throughput | None) -> Index:
    """A global index has capacity of its own just where its table has."""
    return replace(index, throughput=(index.throughput or table) if table else None)


_NO_TAGS: Final = "Or set target.copyTags: false, without target.tags."
_UNSEEN: Final = "Or pass --into-existing, which does not look whether it holds items."
_STAYS: Final = (
    "items before this copy: those that the source does not have, as it deleted "
    "them since, stay there; `validate` tells them, `validate --repair --delete-extra` deletes them"
)


async def prepare_target(table: Table, plan: TargetPlan, existing: TableState | None) -> TableState:
    """Create the target table, or bring the tags of an existing one up to `plan`. Raises
    `UsageError` where the right to is lacking."""
    early = plan.spec.with_indexes([i for i in plan.spec.indexes if i not in plan.late])
    with rights.needing(_NO_TAGS, about="TagResource"):
        if existing is None:
            return await table.create(early)
        await table.tags.set(dict(_missing_tags(plan, existing)))
    return existing


def lacking(plan: TargetPlan, existing: TableState) -> list[str]:
    """The parts of `plan` that an existing table may lack and has not: what comes after the data,
    and tags."""
    there = {index.name for index in existing.spec.indexes}
    lacks = [f"index {index.name}" for index in plan.late if index.name not in there]
    wanted = plan.spec.ttl_attribute
    if wanted and existing.spec.ttl_attribute != wanted:
        lacks.append(f"TTL on {wanted}")
    unseen = rights.TAGS in existing.denied
    tags = () if unseen else sorted(_missing_tags(plan, existing))
    return lacks + [f"tag {key}={value}" for key, value in tags if value]


def _missing_tags(plan: TargetPlan, existing: TableState) -> Iterable[tuple[str, str]]:
    return plan.spec.tags.items() - existing.spec.tags.items()


async def check_empty(table: Table, existing: TableState | None, earlier: str) -> None:
    """Raise `HoldsItemsError` for a target that holds items, or may hold some. `earlier` is a
    sentence on the savepoints of the run that may have filled it."""
    with rights.needing(_UNSEEN):
        holds_items = existing is not None and await table.contents.holds_items()
    if holds_items:
        raise HoldsItemsError(
            f"the target table {table.name} already holds items",
            f"{earlier} Else choose another target.table, empty it, or pass --into-existing to "
            "write into it: what only the target has then stays there.",
        )


async def what_stays(table: Table, existing: TableState | None) -> list[str]:
    """Notes on the items that a copy leaves in a target table that holds some; none without any."""
    held = "held"
    try:
        holds_items = existing is not None and await table.contents.holds_items()
    except ServerRefused as error:
        if not rights.is_denied(error):
            raise
        holds_items, held = True, "may have held"
    return [f"the target {held} {_STAYS}"] if holds_items else []


def what_stayed() -> str:
    """The note on the items that a copy begun earlier leaves in a target table that held some."""
    return f"the target held, or may have held, {_STAYS}"


def check_existing(plan: TargetPlan, existing: TableState) -> None:
    """Raise `UsageError` with every difference that keeps an existing table from serving."""
    if different := table_schema.differences(plan.spec, existing.spec, plan.late):
        lines = "".join(f"\n  {line}" for line in different)
        raise UsageError(
            f"the target table {existing.spec.name} exists and does not fit:{lines}",
            _remedy(plan, existing),
        )


def _remedy(plan: TargetPlan, existing: TableState) -> str:
    """The remedy for an existing table that does not fit: indexes may be left out where only global
    ones are at fault, and made later where they are absent; a key can be made."""
    spec = plan.spec
    if _key_of(spec) != _key_of(existing.spec):
        return (
            "Delete it, choose another target.table, or let each item get that key: by `renames`, "
            "or by a `transform`, with its `transform_key` for deletions "
            "(`alternator-migrate help transforms`)."
        )
    local = [index for index in spec.indexes if index.local]
    if table_schema.differences(spec.with_indexes(local), existing.spec):
        return "Delete it, or choose another target.table."
    absent = not table_schema.differences(spec, existing.spec, spec.indexes)
    choices = "after or skip" if absent else "skip"
    return f"Delete it, choose another target.table, or set target.indexes to {choices}."


def _key_of(spec: TableSpec) -> list[tuple[KeyElement, str]]:
    """The key of a table, with the types of its attributes."""
    return [(element, spec.attributes[element.name]) for element in spec.keys]
