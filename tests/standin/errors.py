"""Errors as Alternator sends them, and the texts that more than one room needs."""

from typing import Any

import msgspec

PREFIX = "com.amazonaws.dynamodb.v20120810#"
STATUS = {"InternalServerError": 500, "PayloadTooLarge": 413}

SCHEMA_AGREEMENT = (
    "The operation was successful, but unable to confirm cluster-wide schema agreement after "
    "30 seconds. Please retry the operation, and wait for the retry to report an error since "
    "the operation was already done."
)
UNAVAILABLE = (
    "Internal server error: exceptions::unavailable_exception (Cannot achieve consistency level "
    "for cl LOCAL_QUORUM. Requires 2, alive 1)"
)
OVERLOADED = (
    "too many in-flight requests (configured via max_concurrent_requests_per_shard): {count}"
)
RMW_FORBIDDEN = (
    "Read-modify-write operations are disabled by 'forbid_rmw' write isolation policy. Refer to "
    "https://github.com/scylladb/scylla/blob/master/docs/alternator/alternator.md"
    "#write-isolation-policies for more information."
)
TABLETS_STREAMS = (
    "Streams not yet supported on a table using tablets (issue #23838). If you want to use "
    "streams, create a table with vnodes by setting the tag 'system:initial_tablets' set to "
    "'none'."
)


class ApiError(Exception):
    """One refused request: 500 for InternalServerError, 413 for PayloadTooLarge, else 400."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status that goes with the type."""
        return STATUS.get(self.kind, 400)

    def body(self) -> bytes:
        """`{"__type": prefix + type, "message": text}` as JSON bytes."""
        return msgspec.json.encode({"__type": PREFIX + self.kind, "message": self.message})


class Dropped(Exception):
    """The connection is to be reset now, without an answer."""


def validation(message: str) -> ApiError:
    """A ValidationException."""
    return ApiError("ValidationException", message)


def serialization(message: str) -> ApiError:
    """A SerializationException."""
    return ApiError("SerializationException", message)


def internal(message: str) -> ApiError:
    """An InternalServerError, HTTP 500."""
    return ApiError("InternalServerError", message)


def unsupported(what: str) -> ApiError:
    """What Alternator can do and this stand-in cannot: a 500 that says so."""
    return internal(f"Internal server error: not supported by the stand-in: {what}")


def no_table(name: str) -> ApiError:
    """The table named in a request does not exist."""
    text = f"Requested resource not found: Table: {name} not found"
    return ApiError("ResourceNotFoundException", text)


def write_timeout(table: str) -> ApiError:
    """The replicas did not confirm a write in `alternator_timeout_in_ms`."""
    return internal(
        "Internal server error: exceptions::mutation_write_timeout_exception (Operation timed out "
        f"for alternator_{table}.{table} - received only 1 responses from 2 CL=LOCAL_QUORUM.)"
    )


def write_failure(table: str) -> ApiError:
    """A replica refused a mutation, as it does with one too large for its commit log."""
    return internal(
        "Internal server error: exceptions::mutation_write_failure_exception (Operation failed "
        f"for alternator_{table}.{table} - received 0 responses and 1 failures from 1 "
        "CL=LOCAL_QUORUM.)"
    )


def read_timeout(table: str) -> ApiError:
    """The replicas did not answer a read in `alternator_timeout_in_ms`."""
    return internal(
        "Internal server error: exceptions::read_timeout_exception (Operation timed out "
        f"for alternator_{table}.{table} - received only 0 responses from 2 CL=LOCAL_QUORUM.)"
    )


def shown(value: Any) -> str:
    """A JSON value as error texts quote it."""
    return msgspec.json.encode(value).decode()
