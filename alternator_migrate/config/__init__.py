"""YAML, flags and `--set` to frozen settings, all mistakes at once."""

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings
from alternator_migrate.config.arns import is_arn
from alternator_migrate.config.exports import Location, S3ExportSettings
from alternator_migrate.config.identity import (
    fingerprint,
    migration_identity,
    migration_shape,
    skipped_segments,
    validation_identity,
)
from alternator_migrate.config.kinds import base_url, local_path
from alternator_migrate.config.loading import (
    Loaded,
    PortableConfig,
    at,
    literal_secrets,
    load,
    portable,
)
from alternator_migrate.config.savepoint_settings import BucketFolder, SavepointsSettings
from alternator_migrate.config.settings import (
    AlternatorSettings,
    Settings,
    SideSettings,
    SourceEndpointSettings,
    SourceSettings,
)

__all__ = [
    "AlternatorSettings",
    "BucketFolder",
    "CredentialsSettings",
    "EndpointSettings",
    "Loaded",
    "Location",
    "PortableConfig",
    "S3ExportSettings",
    "SavepointsSettings",
    "Settings",
    "SideSettings",
    "SourceEndpointSettings",
    "SourceSettings",
    "at",
    "base_url",
    "fingerprint",
    "is_arn",
    "literal_secrets",
    "load",
    "local_path",
    "migration_identity",
    "migration_shape",
    "portable",
    "skipped_segments",
    "validation_identity",
]
