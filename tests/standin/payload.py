"""Bodies on the way in and out: sizes, compression, JSON and its depth."""

import gzip
import zlib
from typing import Any

import msgspec

from tests.standin.dialect import Dialect
from tests.standin.errors import ApiError, internal, validation
from tests.standin.values import Item

DEEPEST = 78
COMPRESSED_FROM = 4096


def too_large(limit: int) -> ApiError:
    """A body, as sent or unpacked, of more than `limit` bytes."""
    text = f"Request content length limit of {limit} bytes exceeded"
    return ApiError("PayloadTooLarge", text)


def unpacked(body: bytes, encoding: str | None, limit: int) -> bytes:
    """The body without its Content-Encoding; gzip may be several members."""
    if encoding is None:
        return body
    if encoding not in {"gzip", "deflate"}:
        raise internal("Unsupported Content-Encoding")
    try:
        raw = gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)
    except EOFError:
        raise internal(f"Truncated {encoding} in request body") from None
    except (OSError, zlib.error):
        raise internal(f"Error during {encoding} decompression of request body") from None
    if len(raw) > limit:
        raise too_large(limit)
    return raw


def parsed(body: bytes, dialect: Dialect) -> Item:
    """The request as a dict, no deeper than 78 objects and arrays."""
    try:
        request = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        where = " at 0" if dialect.parse_position else ""
        raise validation(f"Parsing JSON failed: Invalid value.{where}") from None
    if not isinstance(request, dict):
        known = dialect.lists_checked
        raise validation("Request content must be an object" if known else dialect.odd_shape)
    _check_depth(request)
    return request


def _check_depth(request: Item) -> None:
    """Walks level by level: one pass over containers, however deep."""
    level: list[Any] = [request]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise _too_deep()
        level = [
            part
            for whole in level
            for part in (whole.values() if type(whole) is dict else whole)
            if type(part) is dict or type(part) is list
        ]


def _too_deep() -> ApiError:
    return validation(f"Max nested level reached: {DEEPEST}")


def packed(body: bytes, accepted: str, streamed: bool) -> tuple[bytes, str | None]:
    """The answer compressed, and how, if the client accepts it and the answer is big."""
    if len(body) < COMPRESSED_FROM and not streamed:
        return body, None
    names = {part.split(";")[0].strip() for part in accepted.split(",")}
    if "gzip" in names:
        return gzip.compress(body, 6), "gzip"
    if "deflate" in names:
        return zlib.compress(body, 6), "deflate"
    return body, None
