"""The configuration as frozen settings: one class a section, one field a key.

Names in YAML are camelCase (`scanSegments`), fields snake_case. The keys and their meaning are
ScyllaDB Migrator's where it has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings
from alternator_migrate.config.arns import table_arn
from alternator_migrate.config.exports import EXPORT, S3ExportSettings, S3TargetSettings
from alternator_migrate.config.item_settings import (
    AttributesSettings,
    FilterSettings,
    RenameSettings,
    transform_name,
)
from alternator_migrate.config.kinds import (
    any_text,
    base_url,
    flag,
    follows,
    ignored,
    integer,
    key,
    list_of,
    mapping,
    number,
    one_of,
    one_of_in_any_case,
    section,
    sections,
    table_name,
    text,
)
from alternator_migrate.config.run_settings import (
    CutoverSettings,
    HooksSettings,
    SpoolSettings,
    ThrottleSettings,
)
from alternator_migrate.config.savepoint_settings import DEFAULT_FOLDER, SavepointsSettings
from alternator_migrate.config.status_page import StatusSettings
from alternator_migrate.config.table_export_settings import TableExportSettings
from alternator_migrate.config.tables_settings import TablesSettings


@dataclass(frozen=True, slots=True)
class SourceEndpointSettings(EndpointSettings):
    """The address of a service that is read."""

    streams_url: str | None = key(
        base_url, "where DynamoDB Streams are, if not where AWS has them (VPC endpoints)"
    )


@dataclass(frozen=True, slots=True)
class AlternatorSettings:
    """Settings of an Alternator cluster."""

    datacenter: str | None = key(text, "use only nodes of this datacenter")
    rack: str | None = key(text, "use only nodes of this rack")
    active_refresh_interval_ms: int = key(
        integer(1), "how often to ask for the list of nodes while requests run", default=1000
    )
    idle_refresh_interval_ms: int = key(
        integer(1), "how often to ask for the list of nodes otherwise", default=60_000
    )
    compression: bool = key(flag, "send request bodies with gzip", default=False)
    optimize_headers: bool = key(flag, "send no header that Alternator ignores", default=False)
    max_connections: int | None = key(
        integer(1, 10_000), "most connections open at once; by default 64"
    )
    connection_max_idle_time_ms: int | None = key(
        integer(0), "close idle connections after; 0 keeps none"
    )
    connection_time_to_live_ms: int | None = key(
        integer(0), "close connections after; 0 sets no limit"
    )
    connection_acquisition_timeout_ms: int | None = key(
        integer(0), "wait for a free connection; 0 sets no limit"
    )
    connection_timeout_ms: int | None = key(
        integer(0), "wait for a connection to be made; 0 sets no limit but the system's"
    )
    max_items_per_batch: int = key(integer(1, 10_000), "most items a BatchWriteItem", default=100)
    remove_consumed_capacity: bool = key(
        flag, "never ask for consumed capacity (it is never asked of Alternator)", default=True
    )


@dataclass(frozen=True, slots=True)
class SideSettings:
    """The settings that source and target have in common."""

    type: str = key(
        text, "kind of service: dynamodb, alternator or dynamodb-s3-export", required=True
    )
    table: str = key(
        table_name, "table name, or ARN of a DynamoDB table; not beside `tables`", required=True
    )
    region: str | None = key(text, "AWS region; any word for other servers")
    endpoint: EndpointSettings | None = section(EndpointSettings, "where to connect, if not AWS")
    credentials: CredentialsSettings | None = section(CredentialsSettings, "how to sign requests")
    alternator: AlternatorSettings | None = section(AlternatorSettings, "options of an Alternator")
    remove_consumed_capacity: bool | None = key(flag, "accepted; decided by the kind of server")

    @property
    def name(self) -> str:
        """The table's name, also where its ARN is given."""
        arn = table_arn(self.table)
        return arn.name if arn else self.table


@dataclass(frozen=True, slots=True)
class SourceSettings(SideSettings):
    """The table to read."""

    endpoint: SourceEndpointSettings | None = section(
        SourceEndpointSettings, "where to connect, if not AWS"
    )
    scan_segments: int | None = key(
        integer(1, 1_000_000), "segments of the parallel Scan; by default by the table's size"
    )
    read_throughput: float | None = key(
        number(0.1), "read units per second for the whole run; by default throughputReadPercent"
    )
    throughput_read_percent: float = key(
        number(0.1, 1.5),
        "share of a provisioned table's read units; on demand nothing is capped",
        default=0.5,
    )
    max_map_tasks: int | None = key(integer(1), "most segments read at once; by default 64")
    filter: FilterSettings | None = section(FilterSettings, "read only items that match")
    attributes: AttributesSettings | None = section(
        AttributesSettings, "attributes to copy, where not all are"
    )
    consistent_read: bool = key(flag, "strongly consistent reads, at twice the cost", default=False)
    expired_items: Literal["skip", "copy"] = key(
        one_of("skip", "copy"),
        "what becomes of items whose TTL has passed: skip or copy",
        default="skip",
    )
    s3_export: S3ExportSettings | None = section(S3ExportSettings, "keys of an export to S3")
    export: TableExportSettings | None = section(
        TableExportSettings, "copy the table from an export, not by a scan"
    )

    @property
    def bucket_side(self) -> SideSettings:
        """The S3 that the exports of `export` are in, as a side of its own."""
        export = self.export or TableExportSettings()
        return SideSettings(
            type=EXPORT,
            table=self.table,
            region=export.region or self.region,
            endpoint=export.endpoint,
            credentials=export.credentials or self.credentials,
        )


@dataclass(frozen=True, slots=True)
class TargetSettings(SideSettings):
    """The table to write."""

    stream_changes: bool = key(follows, "follow the changes after the copy", default=False)
    skip_initial_snapshot_transfer: bool = key(
        flag, "follow changes only; ignored without streamChanges", default=False
    )
    write_throughput: float | None = key(number(0.1), "write units per second for the whole run")
    max_latency_ms: int | None = key(
        integer(1), "fewer batches at once while the target's answers take longer (p95)"
    )
    throughput_write_percent: float = key(
        number(0.1, 1.5), "share of a provisioned table's write units", default=0.5
    )
    billing_mode: str | None = key(
        one_of("PROVISIONED", "PAY_PER_REQUEST"),
        "billing mode of a table that is created: PROVISIONED or PAY_PER_REQUEST; by default the "
        "source's",
    )
    copy_ttl: bool = key(flag, "enable TTL on the target, after the data", default=True)
    copy_tags: bool = key(flag, "copy the table's tags", default=True)
    tags: Mapping[str, str] = key(mapping(any_text), "tags to add", default={})
    indexes: Literal["before", "after", "skip"] = key(
        one_of("before", "after", "skip"),
        "when global indexes are created: before or after the data, or never (skip)",
        default="before",
    )
    s3_export: S3TargetSettings | None = section(S3TargetSettings, "keys of an export to S3")

    @property
    def longest(self) -> float | None:
        """`max_latency_ms` in seconds; None without one."""
        return self.max_latency_ms / 1000 if self.max_latency_ms else None


@dataclass(frozen=True, slots=True)
class ValidationSettings:
    """Settings of the comparison of source and target."""

    failures_to_fetch: int = key(integer(0), "most differences to print", default=100)
    floating_point_tolerance: float = key(number(0), "numbers this close are equal", default=0.0)
    numeric_type_policy: str = key(
        one_of_in_any_case("Lenient", "DetectWiden", "StrictType"),
        "Lenient, DetectWiden or StrictType: no effect, DynamoDB has one type of number",
        default="Lenient",
    )
    copy_missing_rows: bool = key(
        flag, "write what is missing on the target, and nothing over what is there", default=False
    )
    recheck_seconds: tuple[float, ...] = key(
        list_of(number(0, 3600)),
        "pauses, each followed by another look at what differs",
        default=(1.0, 2.0, 4.0),
    )
    compare_timestamps: object = ignored()
    ttl_tolerance_millis: object = ignored()
    writetime_tolerance_millis: object = ignored()
    timestamp_ms_tolerance: object = ignored()
    hash_columns: object = ignored()
    repair_writetime_strategy: object = ignored()


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration."""

    source: SourceSettings = section(SourceSettings, "the table to read", optional=False)
    target: TargetSettings = section(TargetSettings, "the table to write", optional=False)
    renames: tuple[RenameSettings, ...] = sections(RenameSettings, "attributes to rename")
    transform: str | None = key(
        transform_name, "a Python function for each item: ./file.py or package.module:function"
    )
    savepoints: SavepointsSettings = section(SavepointsSettings, "savepoints", optional=False)
    skip_segments: tuple[int, ...] = key(
        list_of(integer(0)), "segments that are wholly written already", default=()
    )
    validation: ValidationSettings = section(
        ValidationSettings, "comparison of both sides", optional=False
    )
    spool: SpoolSettings = section(
        SpoolSettings, "changes kept while the copy lasts", optional=False
    )
    cutover: CutoverSettings = section(
        CutoverSettings, "when the target has caught up", optional=False
    )
    hooks: HooksSettings = section(HooksSettings, "commands to run", optional=False)
    tables: TablesSettings | None = section(
        TablesSettings, "many tables in one run, in place of the two keys `table`"
    )
    status: StatusSettings = section(StatusSettings, "the status page", optional=False)
    throttle: ThrottleSettings = section(
        ThrottleSettings, "what pauses a run from outside", optional=False
    )
    max_rejects: int = key(
        integer(0), "items the target may refuse; one more ends the run with exit 1", default=0
    )
    retry_budget_seconds: float = key(
        number(1), "how long one request is repeated before the run fails", default=300.0
    )
    skip_token_ranges: object = ignored()
    skip_parquet_files: object = ignored()
    preserve_timestamps: object = ignored()

    @property
    def spool_home(self) -> Path:
        """The folder of this machine that has the spool."""
        place = DEFAULT_FOLDER if self.savepoints.bucket else self.savepoints.path
        return Path(self.spool.path or place)
