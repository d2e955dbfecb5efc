"""The tree of errors.

MigrateError                 exit 1; `hint` says what a person can do about it
├── UsageError               exit 2: refused before anything was written
│   └── ConfigError          every mistake of a configuration at once
├── ServerRefused            a server said no, and asking again would not help
│   ├── BatchTooLong         Alternator takes fewer items a batch than were sent
│   └── ItemsRefused         at least one item of a batch is not valid for the target
├── Retryable                worth another attempt, within the budget
│   ├── Throttled            the server asks for a slower pace
│   └── Unavailable          5xx, timeout, reset, truncated or damaged answer
│       └── ServerFault      an error of the server's own, which one item may be the cause of
├── OutOfTime                the retry budget is spent
├── BadAnswer                an answer that is not what the API promises
│   └── AnswerTooLarge       more bytes than any answer should have
├── TrimmedData              changes were deleted by the stream before they were read
├── WorkerLost               a worker ended before the slice it was sent
├── TooManyRejects           more items were refused than `maxRejects` allows
└── AccountingBroken         the counts of a finished run do not add up
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

WRONG_SERVER: Final = "Is this the right endpoint, or is there a proxy in between?"
FOLLOW_ANEW: Final = (
    "The target lacks changes. Follow anew with `follow --fresh`, and when that has caught up make "
    "the rest equal with `validate --repair --delete-extra`; or, and where the copy was not "
    "complete, empty the target and copy anew with `run --fresh` (`alternator-migrate help "
    "following`)."
)
"""The remedy when changes are lost, in this order: changes made meanwhile are followed."""
NO_CERTIFICATE: Final = (
    "Set endpoint.caBundle (for AWS itself AWS_CA_BUNDLE) to the CA's PEM file, or "
    "endpoint.insecureSkipVerify (`alternator-migrate help security`)."
)
_UNKNOWN_KEYS = "Check the credentials: the server does not know them."
_DENIED = (
    "The credentials lack a permission; the server's words name it. "
    "`alternator-migrate permissions CONFIG` prints all that are needed."
)
_NO_KEYS = "Give credentials: the server checks signatures."
REMEDIES: Final = {
    "UnrecognizedClientException": _UNKNOWN_KEYS,
    "InvalidClientTokenId": _UNKNOWN_KEYS,
    "InvalidSignatureException": "Check the secret key, and the clock of this machine.",
    "SignatureDoesNotMatch": "Check the secret key, and the clock of this machine.",
    "MissingAuthenticationTokenException": _NO_KEYS,
    "MissingAuthenticationToken": _NO_KEYS,
    "IncompleteSignature": _NO_KEYS,
    "ExpiredTokenException": "The session token has expired: get a new one and run again.",
    "ExpiredToken": "The session token has expired: get a new one and run again.",
    "AccessDeniedException": _DENIED,
    "AccessDenied": _DENIED,
    "ResourceNotFoundException": "Check the table's name, the region and the endpoint.",
}
_BY_WORDS: Final = {
    "wrong signature": "The secret key of an Alternator is not the password, but the salted_hash "
    "of the role that the access key names: SELECT salted_hash FROM system.roles WHERE role = "
    "'...' (`alternator-migrate help permissions`).",
    "User not found": "Check the credentials: the access key of an Alternator names a role "
    "(`alternator-migrate help permissions`).",
}
"""Remedies for what Alternator says under the codes of other mistakes."""


class MigrateError(Exception):
    """A failure told to the user in one sentence, with a remedy where one is known."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return f"{self.args[0]}\n  {self.hint}" if self.hint else str(self.args[0])


def _rebuilt(
    kind: type[MigrateError], args: tuple[Any, ...], state: dict[str, Any]
) -> MigrateError:
    """An error that came from another process, whatever its constructor asks for."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def first_of(failure: BaseException) -> MigrateError:
    """The first error of this package in a failure, which may be a group; others are raised."""
    if isinstance(failure, MigrateError):
        return failure
    if not isinstance(failure, BaseExceptionGroup):
        raise failure
    ours, others = failure.split(MigrateError)
    if ours is None or others is not None:
        raise failure
    return first_of(ours.exceptions[0])


@contextmanager
def ungrouped() -> Iterator[None]:
    """Around what may fail with a group of errors of this package: the first of them is raised
    itself, for nobody would tell a group to the user."""
    try:
        yield
    except BaseExceptionGroup as failures:
        error = first_of(failures)
        raise error from error.__cause__


class UsageError(MigrateError):
    """The command, the configuration or the state of the tables forbids to begin."""

    exit_code = 2


class HoldsItemsError(UsageError):
    """The target holds items already, and the run does not accept that."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake of a configuration: the key's path, where it stands, what is wrong."""

    path: str
    place: str
    message: str

    def __str__(self) -> str:
        place = f" ({self.place})" if self.place else ""
        return f"{self.path or 'configuration'}{place}: {self.message}"


class ConfigError(UsageError):
    """All mistakes of a configuration, in `mistakes`."""

    def __init__(self, mistakes: Sequence[Mistake], hint: str = "") -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "".join(f"\n  {mistake}" for mistake in mistakes)
        super().__init__(f"the configuration has {count}:{lines}", hint)
        self.mistakes = tuple(mistakes)


class ServerRefused(MigrateError):
    """A server's final answer; `code` is its error type, `words` its message."""

    def __init__(self, operation: str, code: str, words: str, hint: str = "") -> None:
        remedy = WRONG_SERVER if code.isdigit() else _remedy(code, words)
        super().__init__(f"{operation} was refused: {code}: {words}", hint or remedy)
        self.operation = operation
        self.code = code
        self.words = words


def _remedy(code: str, words: str) -> str:
    found = (remedy for part, remedy in _BY_WORDS.items() if part in words)
    return next(found, REMEDIES.get(code, ""))


class BatchTooLong(ServerRefused):
    """More items in a batch than the server takes; `maximum` is what it takes."""

    def __init__(self, operation: str, code: str, words: str, maximum: int) -> None:
        super().__init__(operation, code, words)
        self.maximum = maximum


class ItemsRefused(ServerRefused):
    """A batch with at least one invalid item; nothing of it was written."""


class Retryable(MigrateError):
    """A failed attempt that may succeed when repeated, better at another node than `node`; `side`
    is who failed, as "target"."""

    doing = "not answering"

    def __init__(self, message: str, node: str = "", hint: str = "") -> None:
        super().__init__(message, hint)
        self.node, self.side = node, ""


class Throttled(Retryable):
    """The server, or a part of it, asks for a slower pace: `scope` says which, where the server
    does, a range of keys or the whole table."""

    scope: Literal["", "range", "table"] = ""

    doing = "throttling"


class Unavailable(Retryable):
    """No usable answer this time: server error, timeout, reset, damaged body."""


class ServerFault(Unavailable):
    """The server answered with an error of its own, which one item may be the cause of."""

    doing = "failing"


class OutOfTime(MigrateError):
    """Attempts failed for longer than the retry budget; the cause is the last failure."""


class BadAnswer(MigrateError):
    """The server's answer breaks the API's promise; repeating would not help."""


class AnswerTooLarge(BadAnswer):
    """An answer is larger than is read; asking for less of it may help."""


class TrimmedData(MigrateError):
    """The stream no longer holds changes that have not been read: the target lacks them. `absent`
    says that their shard is not there any more."""

    def __init__(self, message: str, hint: str = "", *, absent: bool = False) -> None:
        super().__init__(message, hint)
        self.absent = absent


class WorkerLost(MigrateError):
    """A worker ended before the slice it was sent: nothing of that slice counts."""


class TooManyRejects(MigrateError):
    """More items were refused than `maxRejects` allows."""


class AccountingBroken(MigrateError):
    """read = written + skipped_expired + dropped + rejected does not hold at the end of a run."""
