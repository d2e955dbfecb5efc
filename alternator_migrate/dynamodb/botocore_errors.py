"""botocore's errors as this package's, each with the remedy that fits it."""

import json
from typing import Final

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from alternator_migrate.core.errors import (
    NO_CERTIFICATE,
    REMEDIES,
    WRONG_SERVER,
    MigrateError,
    Retryable,
    ServerRefused,
    Unavailable,
    UsageError,
)
from alternator_migrate.dynamodb.failures import failure

_LONGEST_WORDS: Final = 300
_REFRESHING: Final = "refreshing the credentials"
_SETTINGS: Final = "Check the AWS_... variables of the environment, and the profile in AWS's files."
_FILES: Final = "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE are to name INI files."
_LOG_IN: Final = "Log in anew: `aws sso login`, with --profile where one is used."
_UNREACHED: Final = "Check the endpoint, the region and the network."
_PROCESS: Final = (
    "Run the credential_process of the AWS profile by hand: it is to print credentials as JSON."
)
_MFA: Final = (
    "Get keys for a session before (`aws sts get-session-token`, `aws sts assume-role`), and give "
    "them with AWS_SESSION_TOKEN or credentials.sessionToken."
)
_ORIGIN: Final = (
    "Check what the credentials come from: the AWS profile, its credential_process, what "
    "`aws sso login` has kept, the AWS_... variables, and a proxy in between."
)
_NAMED_FILE: Final = (
    "It is named by AWS_WEB_IDENTITY_TOKEN_FILE, or by web_identity_token_file or "
    "credential_process of the AWS profile."
)
ODD: Final = (
    ResponseParserError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    EOFError,
)
"""Exceptions that botocore lets through where files, programs and services of credentials hold
something else than they should."""
_TRANSIENT: Final = boto.ConnectionError | boto.HTTPClientError
_BY_TYPE: Final[dict[type[boto.BotoCoreError], str]] = {
    boto.InvalidRegionError: "Check `region`: letters, digits and hyphens, such as eu-west-1.",
    boto.ConfigParseError: _FILES,
    boto.ProfileNotFound: "Check credentials.profile, AWS_PROFILE and the AWS files.",
    boto.PartialCredentialsError: "Check `credentials`, the environment and the AWS profile.",
    boto.NoCredentialsError: "Check `credentials`.",
    boto.NoRegionError: "Check `region`.",
    boto.InvalidConfigError: _SETTINGS,
    boto.UnknownCredentialError: _SETTINGS,
    boto.SSOError: _LOG_IN,
    boto.TokenRetrievalError: _LOG_IN,
    boto.SSLError: NO_CERTIFICATE,
    boto.ProxyConnectionError: "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY.",
    boto.ConnectionError: _UNREACHED,
    boto.HTTPClientError: _UNREACHED,
}


class refusing:  # noqa: N801 # reads as a statement: `with refusing("CreateTable"):`
    """A context that raises botocore's errors as this package's.

    A server's answer becomes `ServerRefused`, missing credentials and regions `UsageError`,
    and a service that cannot be reached `MigrateError`. `remedy` is for what has none of its own.
    """

    def __init__(self, operation: str, remedy: str = "") -> None:
        self._operation, self._given = operation, remedy

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, boto.ClientError):
            code = error_code(error)
            hint = "" if code in REMEDIES or code.isdigit() else self._given
            raise ServerRefused(self._operation, code, _words(error), hint) from error
        if isinstance(error, boto.BotoCoreError | OSError):
            absent = boto.NoCredentialsError | boto.NoRegionError | boto.PartialCredentialsError
            told = UsageError if isinstance(error, absent) else MigrateError
            remedy = _remedy(error) or self._given or _UNREACHED
            raise told(f"{self._operation}: {_text(error)}", remedy) from error


class obtaining(refusing):  # noqa: N801 # reads as a statement
    """`refusing` around the search for credentials: what they come from may hold anything, and
    that is a `UsageError`."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        super().__exit__(kind, error, traceback)
        if isinstance(error, ODD):
            raise UsageError(
                f"{self._operation}: {_odd(error)}", _remedy(error) or _ORIGIN
            ) from error


class repeating:  # noqa: N801 # reads as a statement: `with repeating("CreateTable"):`
    """A context that tells what may succeed when repeated as `Retryable`, and nothing else; with
    `reached` only once a service was there. `side` is who failed, as "target"."""

    def __init__(self, operation: str, *, side: str = "", reached: bool = False) -> None:
        self._operation, self._side, self._reached = operation, side, reached

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        told: MigrateError | None = None
        if isinstance(error, boto.ClientError):
            told = failure(self._operation, _status(error), error_code(error), _words(error))
        elif (
            isinstance(error, _TRANSIENT)
            and not isinstance(error, boto.SSLError)
            and not (self._reached and _was_not_reached(error))
        ):
            hint = _remedy(error) or _UNREACHED
            told = Unavailable(f"{self._operation}: {_text(error)}", hint=hint)
        if isinstance(told, Retryable):
            told.side = self._side
            raise told from error


class configuring:  # noqa: N801 # reads as a statement: `with configuring():`
    """A context in which AWS's settings are read: what is wrong with them is a `UsageError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, boto.BotoCoreError):
            raise UsageError(_text(error), _remedy(error) or _SETTINGS) from error
        if isinstance(error, ValueError):
            words = f"AWS's settings cannot be used: {_text(error)}"
            raise UsageError(words, _remedy(error) or _SETTINGS) from error


def not_refreshed(error: Exception) -> MigrateError:
    """The error that keeps credentials from being refreshed: a refusal is final, anything else may
    pass."""
    if isinstance(error, boto.ClientError):
        told = failure(_REFRESHING, _status(error), error_code(error), _words(error))
        if isinstance(told, ServerRefused):
            return told
    return Unavailable(f"{_REFRESHING}: {_odd(error)}")


def error_code(error: boto.ClientError) -> str:
    """The API's error type of a botocore error; the HTTP status where there is none."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    return str(error.response.get("Error", {}).get("Code", "") or status)


def _was_not_reached(error: boto.BotoCoreError) -> bool:
    """Whether no connection was made; one that was reset is told by the same class."""
    return isinstance(error, boto.ConnectTimeoutError | boto.ProxyConnectionError) or hasattr(
        error.kwargs.get("error"), "os_error"
    )


def _status(error: boto.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _remedy(error: Exception) -> str:
    """The remedy for an error of a known kind, else ""."""
    if isinstance(error, boto.CredentialRetrievalError):
        by_process = error.kwargs.get("provider") == "custom-process"
        return _PROCESS if by_process else _SETTINGS
    if isinstance(error, json.JSONDecodeError):
        return _PROCESS
    if isinstance(error, ResponseParserError):
        return WRONG_SERVER
    if isinstance(error, EOFError):
        return _MFA
    if isinstance(error, OSError) and error.filename:
        return _NAMED_FILE
    return next((hint for kind, hint in _BY_TYPE.items() if isinstance(error, kind)), "")


def _text(error: Exception) -> str:
    """An error's own words, on one line."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename}"
    return _short(" ".join(str(error).split()))


def _odd(error: Exception) -> str:
    """The fault of the answers and files that gave an error, on one line."""
    if isinstance(error, EOFError):
        return "an MFA code is asked for, and nobody is here to type it"
    if isinstance(error, ResponseParserError):
        return "the answer is not in XML, as those of AWS are"
    if isinstance(error, KeyError):
        return f"the credentials are not as they should be ({_text(error)} is missing)"
    if isinstance(error, LookupError | TypeError | AttributeError):
        return f"the credentials are not as they should be ({_text(error)})"
    if isinstance(error, ValueError):
        return f"the credentials cannot be read: {_text(error)}"
    return _text(error)


def _words(error: boto.ClientError) -> str:
    return _short(str(error.response.get("Error", {}).get("Message", "")) or str(error))


def _short(words: str) -> str:
    return words if len(words) < _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}..."
