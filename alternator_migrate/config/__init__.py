"""YAML, flags and `--set` to frozen settings, all mistakes at once."""

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings
from alternator_migrate.config.arns import is_arn, table_arn
from alternator_migrate.config.choice import (
    Choice,
    Chosen,
    Listing,
    candidates,
    check_targets,
    choose,
    picked,
    selection,
)
from alternator_migrate.config.described_table import described_table
from alternator_migrate.config.exports import EXPORT, Location, S3ExportSettings
from alternator_migrate.config.identity import (
    export_identity,
    migration_identity,
    migration_shape,
    run_identity,
    skipped_segments,
    validation_identity,
    validation_shape,
)
from alternator_migrate.config.item_settings import TransformReference, transform_reference
from alternator_migrate.config.key_paths import key_paths
from alternator_migrate.config.kinds import base_url, local_path
from alternator_migrate.config.loading import (
    Loaded,
    PortableConfig,
    at,
    literal_secrets,
    load,
    of_named,
    of_table,
    portable,
)
from alternator_migrate.config.patterns import is_pattern
from alternator_migrate.config.savepoint_settings import (
    BucketFolder,
    SavepointsSettings,
    SavepointTargetSettings,
)
from alternator_migrate.config.settings import (
    AlternatorSettings,
    Settings,
    SideSettings,
    SourceEndpointSettings,
    SourceSettings,
)
from alternator_migrate.config.table_export_settings import TableExportSettings
from alternator_migrate.config.tables_settings import TablesSettings

__all__ = [
    "EXPORT",
    "AlternatorSettings",
    "BucketFolder",
    "Choice",
    "Chosen",
    "CredentialsSettings",
    "EndpointSettings",
    "Listing",
    "Loaded",
    "Location",
    "PortableConfig",
    "S3ExportSettings",
    "SavepointTargetSettings",
    "SavepointsSettings",
    "Settings",
    "SideSettings",
    "SourceEndpointSettings",
    "SourceSettings",
    "TableExportSettings",
    "TablesSettings",
    "TransformReference",
    "at",
    "base_url",
    "candidates",
    "check_targets",
    "choose",
    "described_table",
    "export_identity",
    "is_arn",
    "is_pattern",
    "key_paths",
    "literal_secrets",
    "load",
    "local_path",
    "migration_identity",
    "migration_shape",
    "of_named",
    "of_table",
    "picked",
    "portable",
    "run_identity",
    "selection",
    "skipped_segments",
    "table_arn",
    "transform_reference",
    "validation_identity",
    "validation_shape",
]
