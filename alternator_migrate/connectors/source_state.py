"""The source as it stands before a run: a table, or what exports were made of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alternator_migrate.config import (
    Settings,
    SourceEndpointSettings,
    SourceSettings,
    described_table,
)
from alternator_migrate.connectors.s3_export import Export, ExportSide, described, of_exports
from alternator_migrate.connectors.service import Service, open_service
from alternator_migrate.connectors.target_table import check_internal, renamed
from alternator_migrate.core.errors import UsageError
from alternator_migrate.dynamodb.absence import absent
from alternator_migrate.dynamodb.table_schema import TableState

_DESCRIBE = (
    "Describe the table with source.tableDescription (keySchema and attributeDefinitions, or "
    "fromTable: NAME), or create the target table before."
)


async def state_of(settings: Settings, source: Service | ExportSide, target: Service) -> TableState:
    """The state of the source. Raises `UsageError` where there is no table, or where nothing
    describes the one that was exported."""
    if isinstance(source, ExportSide):
        return await _exported(settings, source, target)
    check_internal("source", settings.source.table, source.dialect)
    return await _existing(source, "source")


async def _existing(service: Service, role: str) -> TableState:
    state = await service.table.inspect()
    if state is None:
        raise await absent(service.table, role)
    return state


async def _exported(settings: Settings, source: ExportSide, target: Service) -> TableState:
    """The exported table: by the configuration, by what the export itself says, or by an existing
    target, in this order."""
    section = settings.source.s3_export
    given: Mapping[str, Any] = (section and section.table_description) or {}
    exports = source.exports
    if "fromTable" in given:
        return of_exports(exports, await _live(settings, source, given["fromTable"]))
    if given := given or _told(exports[0]):
        return described(exports, given)
    existing = await target.table.inspect()
    if existing is None:
        raise UsageError("an export does not tell the keys of its table", _DESCRIBE)
    back = {rename.to: rename.from_ for rename in settings.renames}
    spec = replace(renamed(existing.spec, back), tags={})
    return of_exports(exports, replace(existing, spec=spec))


def _told(export: Export) -> Mapping[str, Any]:
    """What an export says of its table; empty where it says nothing. Raises `UsageError`."""
    given = export.summary.description
    try:
        return described_table(given) if given else given
    except ValueError as error:
        words = f"{export.name} tells of keys that no table has: {error}"
        raise UsageError(words, _DESCRIBE) from error


async def _live(settings: Settings, source: ExportSide, named: Mapping[str, str]) -> TableState:
    """The live table that the configuration names, or else the one that was exported."""
    own = settings.source
    arn = source.exports[0].summary.table_arn
    table = named.get("table") or arn
    if not table:
        words = "tableDescription.fromTable: true needs an export that names its table"
        raise UsageError(words, "Write the name of the table in its place.")
    url, region = named.get("url"), named.get("region")
    side = SourceSettings(
        type="dynamodb",
        table=table,
        region=region or (arn.split(":")[3] if arn and table == arn else own.region),
        endpoint=SourceEndpointSettings(url=url) if url else None,
        credentials=own.credentials,
    )
    async with open_service("source", side, 1, settings.retry_budget_seconds) as service:
        return await _existing(service, "source")
