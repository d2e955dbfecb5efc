"""HTTP/1.1 over aiohttp's connections."""

from alternator_migrate.dynamodb.http.connect import Node, Transport, connector_to
from alternator_migrate.dynamodb.http.proxies import check_proxy
from alternator_migrate.dynamodb.http.receiver import (
    LARGEST,
    SLOWEST,
    Answer,
    Receiver,
    too_large,
    too_slow,
)

__all__ = [
    "LARGEST",
    "SLOWEST",
    "Answer",
    "Node",
    "Receiver",
    "Transport",
    "check_proxy",
    "connector_to",
    "too_large",
    "too_slow",
]
