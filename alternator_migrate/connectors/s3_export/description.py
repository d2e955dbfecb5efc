"""The table that was exported, as a server would describe it: no export has its schema in it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from alternator_migrate.connectors.s3_export.source import Export
from alternator_migrate.dynamodb import table_schema
from alternator_migrate.dynamodb.table_schema import TableState

_TTLS = ("TtlAttribute", "TimeToLiveDescription", "TimeToLiveSpecification")


def described(exports: Sequence[Export], given: Mapping[str, Any]) -> TableState:
    """The exported table by a description with the names of DescribeTable, where BillingMode and
    TtlAttribute may stand at the top, and TTL and tags beside the rest."""
    name = exports[0].summary.table
    table = {"TableName": name, **given}
    mode = given.get("BillingMode")
    if "BillingModeSummary" not in table:
        table["BillingModeSummary"] = {"BillingMode": mode or "PAY_PER_REQUEST"}
    tags = {tag["Key"]: tag["Value"] for tag in given.get("Tags", ())}
    return of_exports(exports, table_schema.read_state(table, _ttl(given), tags))


def of_exports(exports: Sequence[Export], state: TableState) -> TableState:
    """The state of a table, with the identity and the figures of its exports."""
    return replace(
        state,
        spec=replace(state.spec, name=exports[0].summary.table or state.spec.name),
        id=identity(exports),
        arn=exports[0].summary.table_arn,
        status="ACTIVE",
        items=sum(export.items for export in exports),
        size=sum(export.summary.size for export in exports),
        left_out=(),
        denied={},
    )


def identity(exports: Sequence[Export]) -> str:
    """What tells these exports from others: a digest of all that their manifests list."""
    digest = sha256()
    for export in exports:
        digest.update(repr((export.summary.arn, export.summary.moments)).encode())
        for file in export.files:
            name = file.key.rpartition("/")[2]
            digest.update(repr((name, file.items, file.md5)).encode())
    return f"export:{digest.hexdigest()[:32]}"


def _ttl(given: Mapping[str, Any]) -> str | None:
    """The attribute by which the table expires items."""
    for name in _TTLS:
        found = given.get(name)
        if isinstance(found, Mapping):
            is_off = found.get("TimeToLiveStatus") in ("DISABLED", "DISABLING")
            found = None if is_off or found.get("Enabled") is False else found.get("AttributeName")
        if found:
            return str(found)
    return None
