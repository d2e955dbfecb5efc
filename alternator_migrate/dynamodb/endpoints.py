"""AWS's own hosts of DynamoDB: the region of one, and where the streams of its tables are."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from alternator_migrate.core.errors import UsageError

_PUBLIC: Final = (
    *("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "c2s.ic.gov", "sc2s.sgov.gov"),
    *("cloud.adc-e.uk", "csp.hci.ic.gov"),
)
_DUAL_STACK: Final = (
    *("api.aws", "api.amazonwebservices.com.cn", "api.amazonwebservices.eu", "api.aws.ic.gov"),
    *("api.aws.scloud", "api.cloud-aws.adc-e.uk", "api.aws.hci.ic.gov"),
)
_HYPHENATED: Final = ("api.aws", "api.amazonwebservices.com.cn")
"""Where the host of streams begins with streams-dynamodb: by dual stack in the partitions aws,
aws-us-gov and aws-cn, and nowhere else."""
_SUFFIX: Final = "|".join(map(re.escape, (*_PUBLIC, *_DUAL_STACK)))
_REGION: Final = r"[a-z]+(?:-[a-z]+)+-\d+"
_HOST = re.compile(
    rf"(?:\d{{12}}\.ddb|dynamodb)(?P<fips>-fips)?\.(?P<region>{_REGION})\.(?P<suffix>{_SUFFIX})"
)
_PRIVATE = re.compile(
    rf"vpce-[a-z0-9-]+\.dynamodb(?:-fips)?\.(?P<region>{_REGION})\.vpce\.(?:{_SUFFIX})"
)
_OLDEST: Final = "dynamodb.amazonaws.com"
_REGION_OF_OLDEST: Final = "us-east-1"

_VISIBLE = re.compile(r"[!-~]+")
"""urlsplit drops line breaks, and makes k of the Kelvin sign."""
_SIGNED = re.compile(r"[A-Za-z0-9._-]+")
_NAME = re.compile(
    r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"
    r"|(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?"
)


@dataclass(frozen=True, slots=True)
class AwsHost:
    """A host of AWS's own: its region, and the URL of its streams, None where that cannot be
    known: each VPC endpoint has a name of its own."""

    region: str
    streams: str | None


def aws_host(url: str) -> AwsHost | None:
    """The AWS host of DynamoDB that a URL leads to; None for any other server.

    Public, FIPS, dual-stack and account endpoints of all partitions, and VPC endpoints.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    if host == _OLDEST:
        host = f"dynamodb.{_REGION_OF_OLDEST}.amazonaws.com"
    if found := _PRIVATE.fullmatch(host):
        return AwsHost(found["region"], None)
    if not (found := _HOST.fullmatch(host)):
        return None
    region, suffix, fips = found["region"], found["suffix"], found["fips"] or ""
    if region.startswith("us-gov-") and suffix in _PUBLIC:
        fips = ""  # the only host of streams there, which is FIPS
    name = f"streams{'-' if suffix in _HYPHENATED else '.'}dynamodb{fips}"
    port = f":{parts.port}" if parts.port else ""
    return AwsHost(region, f"{parts.scheme}://{name}.{region}.{suffix}{port}")


def region_at(url: str | None, given: str | None) -> str | None:
    """The region of requests to `url`: as `given`, else that of AWS's host; None where neither
    says it. Raises `UsageError` where they contradict each other."""
    host = aws_host(url) if url else None
    if host and given and given != host.region:
        raise UsageError(
            f"the region {given} contradicts the endpoint {url}, which is in {host.region}",
            "Leave `region` out, or name the region of the endpoint.",
        )
    return given or (host.region if host else None)


def check_region(region: str, origin: str) -> None:
    """Raise `UsageError` where no request can be signed for a region; `origin` is where it was
    found. AWS's own are stricter: letters, digits and hyphens."""
    if not _SIGNED.fullmatch(region):
        raise UsageError(
            f"the region {region!r} from {origin} cannot be one",
            f"Check {origin}: letters, digits and hyphens, such as eu-west-1.",
        )


def base_url(value: str) -> str:
    """A URL as it is used: http or https and a host, without a path. Raises `ValueError` with what
    is wrong."""
    address = value.rstrip("/")
    try:
        parts = urlsplit(address)
        rest: tuple[str | None, ...] = (parts.path, parts.query, parts.fragment, parts.username)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits, rest = False, ()
    if "_" in str(parts.hostname if fits else ""):
        raise ValueError(
            f"has _ in its host name, which no host name may have: {value!r}; use another name of "
            "the host, or its IP address"
        )
    fits = fits and _VISIBLE.fullmatch(address) is not None
    if not fits or any(rest) or not _NAME.fullmatch(str(parts.hostname)):
        raise ValueError(f"must be like http://host:8000, not {value!r}")
    return address
