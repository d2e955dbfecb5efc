"""What passes through the fault proxy: requests, answers, and pages that were held back."""

import json
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as the upstream server gave it, or as a fault makes it up."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Return the decoded body."""
        return dict(json.loads(self.body))

    def with_json(self, content: Mapping[str, Any]) -> "Reply":
        """Return this answer with another body and its checksum, if there was a checksum."""
        body = json.dumps(content).encode()
        names = {name.lower() for name in self.headers}
        reply = replace(self, body=body)
        return reply.with_checksum(zlib.crc32(body)) if "x-amz-crc32" in names else reply

    def with_checksum(self, checksum: int) -> "Reply":
        """Return this answer with x-amz-crc32, right or wrong."""
        kept = {k: v for k, v in self.headers.items() if k.lower() != "x-amz-crc32"}
        return replace(self, headers=kept | {"x-amz-crc32": str(checksum)})

    def response(self) -> web.Response:
        """Return the answer as aiohttp sends it."""
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request on its way, which arrived at `at` (the event loop's clock, in seconds).

    `forward` asks the upstream server, with the body given to it.
    """

    operation: str
    body: bytes
    request: web.Request
    at: float
    forward: Callable[[bytes], Awaitable[Reply]]
    held: "HeldItems"

    def json(self) -> dict[str, Any]:
        """Return the decoded body of a DynamoDB request, compressed or not."""
        return decoded(self.body)


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do with a request instead of passing it on; `name` is how it is counted."""

    name: str
    act: Callable[[Exchange], Awaitable[web.StreamResponse]]


class HeldItems:
    """Items of pages that were shown empty. They are served again with the page that follows."""

    def __init__(self) -> None:
        self._items: dict[Place, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def hold(self, request: Mapping[str, Any], page: dict[str, Any]) -> None:
        """Empty `page`, the answer to `request`. It must have a LastEvaluatedKey."""
        place = _place(request, page["LastEvaluatedKey"])
        self._items[place], page["Items"], page["Count"] = page["Items"], [], 0

    def restore(self, request: Mapping[str, Any], page: dict[str, Any]) -> None:
        """Put into `page` what an empty page before it should have shown."""
        page["Items"] = [
            *self._items.get(_place(request, request["ExclusiveStartKey"]), []),
            *page["Items"],
        ]
        page["Count"] = len(page["Items"])
        page["ScannedCount"] = max(page.get("ScannedCount", 0), page["Count"])


class Place(NamedTuple):
    """A position in a scan of a segment."""

    table: str
    segment: int | None
    total: int | None
    key: str


def decoded(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`, which may be compressed by gzip or zlib."""
    # 47: a gzip or a zlib stream, as its first bytes say.
    return dict(json.loads(body if body.lstrip()[:1] == b"{" else zlib.decompress(body, 47)))


def _place(request: Mapping[str, Any], key: Mapping[str, Any]) -> Place:
    text = json.dumps(key, sort_keys=True)
    return Place(request["TableName"], request.get("Segment"), request.get("TotalSegments"), text)
