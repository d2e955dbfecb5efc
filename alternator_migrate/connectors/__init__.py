"""Opens, from settings, what can be read from and written to, behind the ports."""

from alternator_migrate.connectors.build import final_export, rejects_file, source_of, target_of
from alternator_migrate.connectors.capacity_watch import capacity_watches
from alternator_migrate.connectors.export_target import ExportEnds, open_export_ends
from alternator_migrate.connectors.exported_table import (
    KnownExport,
    TableExport,
    begun,
    by_export,
    copied_before,
    failure_text,
    reading_export,
)
from alternator_migrate.connectors.inspect import Inspection, check_ttl
from alternator_migrate.connectors.job import (
    TableJob,
    TravellingConfig,
    travelling,
)
from alternator_migrate.connectors.late_indexes import check_late
from alternator_migrate.connectors.lookup import DynamoDBLookup
from alternator_migrate.connectors.pair import (
    Pair,
    item_filter,
    matcher_of,
    open_pair,
    segments_to_copy,
    wanted,
    work_facts,
)
from alternator_migrate.connectors.permissions import (
    Command,
    bucket_rights,
    export_rights,
    grants,
    policy,
    rights_of,
    usual_commands,
)
from alternator_migrate.connectors.rejects_file import RejectsFile, RejectsSource
from alternator_migrate.connectors.remarks import (
    beginning,
    exporting,
    notes,
    of_servers,
    read_ceiling,
    skipped_text,
    stream_warnings,
    transform_text,
    ttl_text,
    way_back,
)
from alternator_migrate.connectors.s3_export import (
    DataFileWriter,
    ExportPlace,
    ExportSide,
    FinalExport,
    WrittenFile,
    begin,
    iso,
    write_manifests,
)
from alternator_migrate.connectors.samples import (
    backlog,
    check_transform,
    first_items,
    of_attributes,
)
from alternator_migrate.connectors.scan import DynamoDBSource, Expiry
from alternator_migrate.connectors.service import Service
from alternator_migrate.connectors.services import Services, open_services, refusing_to_begin
from alternator_migrate.connectors.source_stream import (
    NO_STREAMS,
    STREAMS_FEATURE,
    SourceStream,
    disable_stream,
    find_stream,
)
from alternator_migrate.connectors.stream_traits import ALTERNATOR, shown_late
from alternator_migrate.connectors.target_table import (
    check_empty,
    lacking,
    prepare_target,
    what_stays,
)
from alternator_migrate.connectors.transform import (
    NO_WAY_BACK,
    ChangeMaker,
    Rehearsal,
    Shaping,
    TransformedChanges,
    TransformedLookup,
    Tried,
    find_code,
    rehearse,
    shaped,
)
from alternator_migrate.connectors.writer import DynamoDBTarget

__all__ = [
    "ALTERNATOR",
    "NO_STREAMS",
    "NO_WAY_BACK",
    "STREAMS_FEATURE",
    "ChangeMaker",
    "Command",
    "DataFileWriter",
    "DynamoDBLookup",
    "DynamoDBSource",
    "DynamoDBTarget",
    "Expiry",
    "ExportEnds",
    "ExportPlace",
    "ExportSide",
    "FinalExport",
    "Inspection",
    "KnownExport",
    "Pair",
    "Rehearsal",
    "RejectsFile",
    "RejectsSource",
    "Service",
    "Services",
    "Shaping",
    "SourceStream",
    "TableExport",
    "TableJob",
    "TransformedChanges",
    "TransformedLookup",
    "TravellingConfig",
    "Tried",
    "WrittenFile",
    "backlog",
    "begin",
    "beginning",
    "begun",
    "bucket_rights",
    "by_export",
    "capacity_watches",
    "check_empty",
    "check_late",
    "check_transform",
    "check_ttl",
    "copied_before",
    "disable_stream",
    "export_rights",
    "exporting",
    "failure_text",
    "final_export",
    "find_code",
    "find_stream",
    "first_items",
    "grants",
    "iso",
    "item_filter",
    "lacking",
    "matcher_of",
    "notes",
    "of_attributes",
    "of_servers",
    "open_export_ends",
    "open_pair",
    "open_services",
    "policy",
    "prepare_target",
    "read_ceiling",
    "reading_export",
    "refusing_to_begin",
    "rehearse",
    "rejects_file",
    "rights_of",
    "segments_to_copy",
    "shaped",
    "shown_late",
    "skipped_text",
    "source_of",
    "stream_warnings",
    "target_of",
    "transform_text",
    "travelling",
    "ttl_text",
    "usual_commands",
    "wanted",
    "way_back",
    "what_stays",
    "work_facts",
    "write_manifests",
]
