"""Proxies that the environment names: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in capitals or not.

The same rules as botocore's, by which S3 and logins go.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from alternator_migrate.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy: its `url`, which may hold a password; `shown`, which does not; and the line of
    a request's head that holds it, if there is one."""

    url: str = field(repr=False)
    shown: str
    header: str = field(repr=False)


def proxy_for(url: str) -> Proxy | None:
    """The proxy for requests to `url`, None for a direct connection.

    Raises `UsageError` for one that cannot be used.
    """
    parts = _given(url)
    if parts is None:
        return None
    if parts.scheme != "http":
        raise _unfit(url)
    user, _, host = parts.netloc.rpartition("@")
    return Proxy(f"http://{parts.netloc}", f"http://{host}", _header(user))


def check_proxy(url: str) -> None:
    """Raise `UsageError` where the proxy for requests to `url` has no address at all. What botocore
    sends them by may know more kinds of proxies."""
    _given(url)


def _given(url: str) -> SplitResult | None:
    """The address of the proxy for requests to `url`, None for a direct connection. Raises
    `UsageError` for what is none."""
    target = urlsplit(url)
    given = getproxies().get(target.scheme)
    if not given or proxy_bypass(target.netloc):
        return None
    try:
        parts = urlsplit(given if "://" in given else f"http://{given.removeprefix('//')}")
        name = (parts.hostname or "").encode("idna")  # refuses labels that no host name may have
        fits = name and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise _unfit(url)
    return parts


def _unfit(url: str) -> UsageError:
    target = urlsplit(url)
    return UsageError(
        f"{target.scheme.upper()}_PROXY names no HTTP proxy that can be used for {url}",
        f"It must be like http://proxy:3128; NO_PROXY={target.hostname} connects directly.",
    )


def _header(user: str) -> str:
    if not user:
        return ""
    name, _, password = user.partition(":")
    login = b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return f"Proxy-Authorization: Basic {login}\r\n"
