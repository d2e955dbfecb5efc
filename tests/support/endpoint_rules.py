"""Where AWS has its services, by the rules that the SDK brings for each of them."""

from functools import cache

import botocore.session
from botocore.endpoint_provider import EndpointProvider

_FILES = botocore.session.get_session().get_component("data_loader")
_PARTITIONS = _FILES.load_data("partitions")
REGIONS = tuple(
    region
    for partition in _PARTITIONS["partitions"]
    for region in partition["regions"]
    if not region.endswith("-global")
)
"""All regions that the SDK knows, of all partitions."""


@cache
def _rules(service: str) -> EndpointProvider:
    return EndpointProvider(_FILES.load_service_model(service, "endpoint-rule-set-1"), _PARTITIONS)


def by_rules(service: str, region: str, *, fips: bool, dual_stack: bool) -> str:
    """The URL of a service."""
    found = _rules(service).resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack)
    return str(found.url)
