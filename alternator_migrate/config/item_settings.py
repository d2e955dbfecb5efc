"""The sections and keys of a configuration that say which items are copied, and what becomes of
them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from alternator_migrate.config.attributes import attribute_value
from alternator_migrate.config.kinds import key, list_of, mapping, text


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """A filter of items, applied by the server, and of changes, applied here."""

    expression: str = key(text, "FilterExpression", required=True)
    names: Mapping[str, str] = key(mapping(text), "ExpressionAttributeNames", default={})
    values: Mapping[str, object] = key(
        mapping(attribute_value), "ExpressionAttributeValues", default={}
    )


@dataclass(frozen=True, slots=True)
class RenameSettings:
    """One attribute to rename."""

    from_: str = key(text, "name in the source", required=True)
    to: str = key(text, "name in the target", required=True)


@dataclass(frozen=True, slots=True)
class AttributesSettings:
    """The attributes of an item that are copied: names, or globs in which * stands for any
    characters and ? for one. Key attributes are always copied."""

    drop: tuple[str, ...] = key(
        list_of(text), "attributes to leave out, such as aws:rep:*; not of the key", default=()
    )
    keep: tuple[str, ...] = key(
        list_of(text), "the only attributes to copy, beside the key", default=()
    )


_FILE = re.compile(r"(?P<file>.*\.py)(:(?P<function>[A-Za-z_]\w*))?", re.DOTALL)
_MODULE = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<function>[A-Za-z_]\w*)")
_FUNCTION: Final = "transform"


@dataclass(frozen=True, slots=True)
class TransformReference:
    """The place of a user's function: in a `file` or a `module`."""

    function: str
    file: str = ""
    module: str = ""

    def __str__(self) -> str:
        named = "" if self.file and self.function == _FUNCTION else f":{self.function}"
        return f"{self.file or self.module}{named}"

    def counted_from(self, folder: Path) -> "TransformReference":
        """The same, with a relative path of a file counted from `folder`."""
        return replace(self, file=str(folder / self.file)) if self.file else self


def transform_reference(value: Any) -> TransformReference:
    """A function by `./file.py`, `./file.py:function` or `package.module:function`."""
    found = _MODULE.fullmatch(text(value)) or _FILE.fullmatch(text(value))
    if found is None:
        raise ValueError(
            f"must be a file such as ./transform.py, or package.module:function, not {value!r}"
        )
    parts = found.groupdict()
    return TransformReference(
        parts["function"] or _FUNCTION, parts.get("file") or "", parts.get("module") or ""
    )


def transform_name(value: Any) -> str:
    """The place of a function, as a text."""
    return str(transform_reference(value))
