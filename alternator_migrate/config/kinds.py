"""Kinds of configuration values: each turns a YAML value into a checked one, or says why not."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final
from urllib.parse import urlsplit

from alternator_migrate.config.arns import table_arn
from alternator_migrate.config.variables import meant
from alternator_migrate.dynamodb import endpoints

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):/+")
_FILE: Final = "file"
FILE_URL = re.compile(r"(?is)file:(?://[^/]+(?=/)|/*(?=/))(?P<path>/.*)")
"""The address of a file, which may name a host."""
_LOCALHOST: Final = "localhost"
_STREAMS: Final = ("dynamodb-streams", "dynamodb", "ddb")
_NO_STREAM: Final = ("disabled", "none", "off")
_KINESIS: Final = ("kinesis", "kinesis-data-streams")
Kind = Callable[[Any], Any]
"""Takes a plain YAML value, returns the checked one; raises `ValueError` with what is wanted."""


class Wrong(ValueError):
    """Mistakes in parts of a value: the path of each within the value, and the expected form."""

    def __init__(self, parts: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path} {message}" for path, message in parts))
        self.parts = parts


def wrong_parts(error: ValueError) -> Sequence[tuple[str, str]]:
    """Every part that a kind refused, with what is wrong; the path of the whole value is ""."""
    return error.parts if isinstance(error, Wrong) else [("", str(error))]


def each_of(kind: Kind, parts: Iterable[tuple[str, Any]]) -> list[Any]:
    """The parts of a value, each given with its path, as a kind reads them. Raises `Wrong`."""
    found, wrong = [], []
    for path, value in parts:
        try:
            found.append(kind(value))
        except ValueError as error:
            wrong += [(path + inner, message) for inner, message in wrong_parts(error)]
    if wrong:
        raise Wrong(wrong)
    return found


def key(
    kind: Kind, doc: str, *, default: Any = None, required: bool = False, secret: bool = False
) -> Any:
    """A configuration key as a dataclass field; `doc` is one line for the reference."""
    metadata = {"kind": kind, "doc": doc, "required": required, "secret": secret}
    if isinstance(default, list | dict):
        made = type(default)
        return field(default_factory=lambda: made(default), metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


def section(settings: type, doc: str, *, optional: bool = True) -> Any:
    """A nested section; where the configuration does not have it, None if it is optional, else
    the section of all defaults."""
    metadata = {"section": settings, "doc": doc, "optional": optional}
    return field(default=None, metadata=metadata)


def sections(settings: type, doc: str) -> Any:
    """A list of sections."""
    return field(default=(), metadata={"sections": settings, "doc": doc})


def ignored(doc: str = "") -> Any:
    """A key of ScyllaDB Migrator that means nothing here: accepted, with a warning."""
    return field(default=None, metadata={"ignored": True, "doc": doc}, repr=False)


def any_text(value: Any) -> str:
    """A string; YAML's numbers count as the text that was written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a text")  # one error type for every kind
    return str(getattr(value, "written", value))


def text(value: Any) -> str:
    """A string that is not empty."""
    if value == "":
        raise ValueError("must not be empty")
    return any_text(value)


def table_name(value: Any) -> str:
    """The name of a table, or its ARN."""
    name = text(value)
    table_arn(name)
    return name


def local_path(value: Any) -> str:
    """A path of this machine, which file:// may stand before."""
    path = text(value)
    check_host(path, "file:///PATH")
    if found := FILE_URL.fullmatch(path):
        return found["path"]
    if found := _SCHEME.match(path):
        raise ValueError(
            f"must be a path of this machine, not of {found['scheme']}://: name a local one, or "
            "where that storage is mounted"
        )
    return path


def check_host(written: str, form: str) -> None:
    """Raise `ValueError` for a file that is of another host than this one (RFC 8089)."""
    scheme, separator, rest = written.partition("://")
    if not separator or scheme.lower() != _FILE:
        return
    host, slash, _ = rest.partition("/")
    if not slash or host.lower() not in ("", _LOCALHOST):
        raise ValueError(f"must be like {form}, with three slashes, not {written!r}")


def flag(value: Any) -> bool:
    """true or false."""
    value = meant(value)
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def follows(value: Any) -> bool:
    """Whether changes are followed: true or false, or {type: ...} as ScyllaDB Migrator has it."""
    if not isinstance(value, dict):
        return flag(value)
    kind = value.get("type")
    if kind in _STREAMS or kind in _NO_STREAM:
        return kind in _STREAMS
    if kind in _KINESIS:
        raise Wrong(
            [(".type", f"{kind}: following from Kinesis is not in this version; {_STREAMS[0]} is")]
        )
    raise Wrong([(".type", f"must be {_STREAMS[0]} or {_NO_STREAM[0]}, not {kind!r}")])


def integer(lowest: int, highest: int = 2**31 - 1) -> Kind:
    """A whole number within bounds, both inclusive."""

    def check(value: Any) -> int:
        value = meant(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            bounds = (
                f"from {lowest} to {highest}" if highest < 2**31 - 1 else f"of at least {lowest}"
            )
            raise ValueError(f"must be a whole number {bounds}, not {value!r}")
        return int(value)

    return check


def number(lowest: float, highest: float = float("inf")) -> Kind:
    """A number within bounds, both inclusive."""

    def check(value: Any) -> float:
        value = meant(value)
        wrong_type = isinstance(value, bool) or not isinstance(value, int | float)
        if wrong_type or not lowest <= value <= min(highest, sys.float_info.max):
            bounds = f"from {lowest:g} to {highest:g}" if highest < float("inf") else ""
            bounds = bounds or f"of at least {lowest:g}"
            raise ValueError(f"must be a number {bounds}, not {value!r}")
        return float(value)

    return check


def one_of(*choices: str) -> Kind:
    """One of a few words."""

    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be {' or '.join(choices)}, not {value!r}")
        return str(value)

    return check


def one_of_in_any_case(*choices: str) -> Kind:
    """One of a few words, in capitals or not."""
    known = {choice.lower(): choice for choice in choices}

    def check(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in known:
            raise ValueError(f"must be {' or '.join(choices)}, not {value!r}")
        return known[value.lower()]

    return check


def list_of(kind: Kind) -> Kind:
    """A list whose elements are all of one kind."""

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list")
        return tuple(each_of(kind, ((f"[{i}]", element) for i, element in enumerate(value))))

    return check


def mapping(kind: Kind) -> Kind:
    """A mapping from texts to values of one kind."""

    def check(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ValueError("must be a mapping of names to values")
        if "" in value:
            raise ValueError("must have no name that is empty")
        names = [text(name) for name in value]
        elements = zip(names, value.values(), strict=True)
        return dict(
            zip(names, each_of(kind, ((f".{n}", each) for n, each in elements)), strict=True)
        )

    return check


def base_url(value: Any) -> str:
    """An http or https URL of a host, without a path."""
    return endpoints.base_url(text(value))


def http_url(value: Any) -> str:
    """An http or https URL, with a path or without."""
    url = text(value)
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError(f"must be a URL, not {url!r}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ValueError(f"must be a URL that begins with http:// or https://, not {url!r}")
    return url


def host_name(value: Any) -> str:
    """A host name, mostly with its scheme, sometimes with its port."""
    address = text(value).rstrip("/")
    base_url(address if "://" in address else f"http://{address}")
    return address
