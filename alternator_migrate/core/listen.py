"""Which address a status page listens at, and which names it answers to.

A page of the web may let its own name resolve to this machine (DNS rebinding): its requests then
carry that name in `Host`. So names are answered that are known; addresses are no names.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

_HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen; port 0 is any that is free."""

    host: str
    port: int

    @classmethod
    def written(cls, text: str) -> "Listen":
        """From [HOST:]PORT, an address of IPv6 in brackets. Raises `ValueError`."""
        host, _, port = text.strip().rpartition(":")
        if not port.isdecimal() or int(port) > 65_535 or (":" in host and not _bracketed(host)):
            raise ValueError(f"must be [HOST:]PORT, such as 8080 or 0.0.0.0:8080, not {text!r}")
        return cls(bare(host) or _HERE, int(port))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_local(self.host)

    def url(self, port: int) -> str:
        """The address to open, once it listens at `port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}/"


def is_local(host: str) -> bool:
    """Whether a host is this machine, and no other."""
    address = _address(host)
    return address.is_loopback if address else host.lower() == "localhost"


def is_answered(host: str, allowed: Iterable[str]) -> bool:
    """Whether a request with this `Host` is answered: an address, localhost, or a name that is
    `allowed`; the port does not matter."""
    name = bare(_without_port(host)).lower().removesuffix(".")
    return bool(_address(name)) or name == "localhost" or name in {n.lower() for n in allowed}


def bare(host: str) -> str:
    """A host without the brackets of IPv6."""
    return host[1:-1] if _bracketed(host) else host


def _bracketed(host: str) -> bool:
    return host.startswith("[") and host.endswith("]")


def _without_port(host: str) -> str:
    name, colon, port = host.strip().rpartition(":")
    return name if colon and port.isdecimal() and (_bracketed(name) or ":" not in name) else host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
