"""YAML, flags and `--set` to frozen settings, all mistakes at once."""

from alternator_migrate.config.arns import is_arn
from alternator_migrate.config.identity import (
    fingerprint,
    migration_identity,
    migration_shape,
    skipped_segments,
    validation_identity,
)
from alternator_migrate.config.item_settings import TransformReference, transform_reference
from alternator_migrate.config.kinds import base_url, local_path
from alternator_migrate.config.loading import (
    Loaded,
    PortableConfig,
    literal_secrets,
    load,
    portable,
)
from alternator_migrate.config.settings import (
    AlternatorSettings,
    EndpointSettings,
    Settings,
    SideSettings,
    SourceEndpointSettings,
)

__all__ = [
    "AlternatorSettings",
    "EndpointSettings",
    "Loaded",
    "PortableConfig",
    "Settings",
    "SideSettings",
    "SourceEndpointSettings",
    "TransformReference",
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
    "transform_reference",
    "validation_identity",
]
