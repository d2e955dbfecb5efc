"""The errors that error answers of the API stand for, on the data plane and the control plane."""

import re
from http import HTTPStatus
from typing import Final

from alternator_migrate.core import errors

THROTTLING: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
PASSING: Final = frozenset(
    {
        "ConditionalRequestConflict",
        "OperationAborted",
        "ReplicatedWriteConflictException",
        "RequestTimeout",
        "RequestTimeoutException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""Refusals that stand for something under way on the server, which ends."""
INVALID_ITEMS: Final = frozenset(
    {
        "ValidationException",
        "SerializationException",
        "ItemCollectionSizeLimitExceededException",
    }
)
_TOO_LONG = re.compile(r"Invalid length of BatchWriteItem command, got \d+ items, maximum is (\d+)")
_NO_RETRY_MENDS = re.compile(r"Key size too large|Mutation of \d+ bytes is too large")
_SKEW = re.compile(r"signature expired|not yet current", re.IGNORECASE)
_CLOCK: Final = "Set the clock of this machine."


def is_server_error(status: int, code: str) -> bool:
    """Whether an answer tells of a fault of the server's own."""
    if code == "NotImplemented":  # S3's word for a header that it will never know
        return False
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or code == "InternalServerError"


def failure(
    operation: str, status: int, code: str, words: str, url: str = ""
) -> errors.MigrateError:
    """The error that an answer stands for, whose error type is `code` and whose message `words`;
    `url` is the node that gave it."""
    at = f"{operation} at {url}" if url else operation
    if code in THROTTLING or status == HTTPStatus.TOO_MANY_REQUESTS:
        return errors.Throttled(f"{at}: {code}: {words}", url)
    if _NO_RETRY_MENDS.search(words):
        return errors.ItemsRefused(operation, code, words)
    if is_server_error(status, code):
        return errors.ServerFault(f"{at}: {code or f'HTTP {status}'}: {words}", url)
    if code in PASSING or status == HTTPStatus.REQUEST_TIMEOUT:
        return errors.Unavailable(f"{at}: {code or f'HTTP {status}'}: {words}", url)
    if _SKEW.search(words):
        # the next attempt is signed anew: a machine that slept, or whose clock is being set
        return errors.Unavailable(f"{at}: {code}: {words}", url, _CLOCK)
    if too_long := _TOO_LONG.search(words):
        return errors.BatchTooLong(operation, code, words, int(too_long[1]))
    if code in INVALID_ITEMS:
        return errors.ItemsRefused(operation, code, words)
    return errors.ServerRefused(operation, code, words)
