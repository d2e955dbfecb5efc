"""Attribute values in DynamoDB JSON, as the values of a filter are."""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from alternator_migrate.config.kinds import Kind, any_text, each_of, flag, list_of, mapping
from alternator_migrate.config.variables import Filled

_DIGITS: Final = 38
_number: Final = re.compile(r"(?=[+-]?\.?[0-9])[+-]?[0-9]*(\.[0-9]*)?([eE][+-]?[0-9]+)?").fullmatch


def attribute_value(value: Any) -> Mapping[str, Any]:
    """A value in DynamoDB JSON, such as {N: "5"}; a plain text, number or boolean is wrapped."""
    if isinstance(value, Filled) and isinstance(value.meant, bool | int | float):
        kind = "BOOL" if isinstance(value.meant, bool) else "N"
        raise ValueError(
            f'must name its type, as it is a variable: {{S: "..."}} or {{{kind}: ...}}'
        )
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": _number_text(value)}
    if isinstance(value, str):
        return {"S": str(value)}
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError('must be a text, a number, true, false, or DynamoDB JSON: {N: "5"}')
    ((kind, content),) = value.items()
    return {str(kind): content for content in each_of(_content(kind), [(f".{kind}", content)])}


def _content(kind: str) -> Kind:
    return _CONTENTS.get(kind, _of_no_type)


def _of_no_type(_: Any) -> Any:
    raise ValueError(f"is not one of the types {', '.join(_CONTENTS)}")


def _number_text(value: Any) -> str:
    """Numbers of DynamoDB JSON are texts, with or without quotes in YAML."""
    text = any_text(value)
    if not _number(text):
        raise ValueError(f"must be a number, not {text!r}")
    if len(re.sub("[eE].*|[^0-9]", "", text).strip("0")) > _DIGITS:
        raise ValueError(f"must be a number of at most {_DIGITS} digits")
    return text


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text; one that looks like something else needs quotes")
    return str(value)


def _base64(value: Any) -> str:
    try:
        b64decode(_string(value), validate=True)
    except ValueError as error:
        raise ValueError("must be a text in base64") from error
    return str(value)


def _null(value: Any) -> bool:
    if not flag(value):
        raise ValueError("must be true")
    return True


def _set_of(kind: Kind) -> Kind:
    def check(value: Any) -> list[Any]:
        if value == []:
            raise ValueError("must not be empty")
        members = list(list_of(kind)(value))
        if len(set(members)) < len(members):
            raise ValueError("must hold no member twice")
        return members

    return check


def _list(value: Any) -> list[Any]:
    return list(list_of(attribute_value)(value))


_CONTENTS: Final[Mapping[str, Kind]] = {
    "S": _string,
    "N": _number_text,
    "B": _base64,
    "BOOL": flag,
    "NULL": _null,
    "SS": _set_of(_string),
    "NS": _set_of(_number_text),
    "BS": _set_of(_base64),
    "L": _list,
    "M": mapping(attribute_value),
}
