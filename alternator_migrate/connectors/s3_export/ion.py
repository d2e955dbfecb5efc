"""Records of data files in text Ion, as DynamoDB JSON: by the optional library amazon-ion.

Numbers keep their value and are spelled in plain digits: Ion writes 600 as 6d2.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeVar

from alternator_migrate.connectors.s3_export.records import Change, fault
from alternator_migrate.core.errors import UsageError
from alternator_migrate.dynamodb.items import to_json

T = TypeVar("T")
_LONGEST: Final = 60
_SETS: Final = {"$dynamodb_SS": "SS", "$dynamodb_NS": "NS", "$dynamodb_BS": "BS"}
_INSTALL: Final = "Add it: pipx inject alternator-migrate amazon-ion."


def ion_items(lines: bytes) -> Sequence[bytes]:
    """The items of lines like $ion_1_0 {Item:{...}}. Raises `BadRecord`."""
    return _records(lines, lambda record: to_json(_attributes(record["Item"])))


def ion_changes(lines: bytes) -> Sequence[Change]:
    """The changes of lines like $ion_1_0 {Keys:{...},NewImage:{...}}. Raises `BadRecord`."""
    return _records(lines, _change)


def check_library() -> None:
    """Raise `UsageError` where amazon-ion is not there, or without its C extension, which would be
    a hundred times as slow."""
    try:
        from amazon.ion import simpleion  # noqa: PLC0415 # only where an export is in Ion
    except ImportError as error:
        raise UsageError("the export is in Ion, and amazon-ion is not here", _INSTALL) from error
    if not simpleion.c_ext:
        raise UsageError(
            "the export is in Ion, and amazon-ion is here without its C extension",
            f"{_INSTALL} Its wheels have it; or export in DYNAMODB_JSON.",
        )


def _change(record: Mapping[str, Any]) -> Change:
    images = (record.get("NewImage"), record.get("OldImage"))
    new, old = (None if each is None else to_json(_attributes(each)) for each in images)
    return Change(to_json(_attributes(record["Keys"])), new, old)


def _records(lines: bytes, read: Callable[[Any], T]) -> Sequence[T]:
    """What `read` makes of each struct of some lines. Raises `BadRecord`."""
    load = _loader()

    def records(text: bytes) -> Sequence[T]:
        return [read(record) for record in load(text)]

    try:
        return records(lines)
    except _errors():
        raise fault(lines, records, _errors()) from None


@cache
def _loader() -> Callable[[bytes], Sequence[Any]]:
    from amazon.ion import simpleion  # noqa: PLC0415 # only where an export is in Ion

    models = simpleion.IonPyValueModel
    model = models.MAY_BE_BARE | models.STRUCT_AS_STD_DICT

    def load(text: bytes) -> Sequence[Any]:
        found: Sequence[Any] = simpleion.loads(text, single_value=False, value_model=model)
        return found

    return load


@cache
def _errors() -> tuple[type[Exception], ...]:
    from amazon.ion.exceptions import IonException  # noqa: PLC0415 # see `_loader`

    odd = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
    return (IonException, *odd)


def _attributes(struct: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _BARE.get(type(value), _wrapped)(value) for name, value in struct.items()}


def _wrapped(value: Any) -> dict[str, Any]:
    """A value of one of the library's own types. Raises `ValueError` for what no item holds."""
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, Mapping):
        return {"M": _attributes(value)}
    if isinstance(value, bytes):
        return {"B": bytes(value)}
    if isinstance(value, Decimal | int):
        return {"N": plain(Decimal(value))}
    if isinstance(value, str):
        return {"S": str(value)}
    if value is None or type(value).__name__ == "IonPyNull":
        return {"NULL": True}
    raise ValueError(f"no attribute has a value of Ion's {type(value).__name__}")


def _list(value: Sequence[Any]) -> dict[str, Any]:
    marks = getattr(value, "ion_annotations", ())
    kind = _SETS.get(str(getattr(marks[0], "text", marks[0]))) if marks else None
    if kind == "NS":
        return {kind: [plain(Decimal(each)) for each in value]}
    if kind:
        members = bytes if kind == "BS" else str
        return {kind: [members(each) for each in value]}
    return {"L": [_BARE.get(type(each), _wrapped)(each) for each in value]}


def plain(number: Decimal) -> str:
    """A number in plain digits, without zeros that say nothing; as 1E+125 where that is long."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text) > _LONGEST:
        sign, digits, exponent = number.as_tuple()
        whole = "".join(map(str, digits)).rstrip("0")
        return f"{'-' * sign}{whole}E{int(exponent) + len(digits) - len(whole):+d}"
    return "0" if text in ("-0", "") else text


_BARE: Final[Mapping[type, Callable[[Any], dict[str, Any]]]] = {
    str: lambda value: {"S": value},
    Decimal: lambda value: {"N": plain(value)},
    int: lambda value: {"N": str(value)},
    bool: lambda value: {"BOOL": value},
    type(None): lambda _: {"NULL": True},
    bytes: lambda value: {"B": value},
    list: _list,
    dict: lambda value: {"M": _attributes(value)},
}
"""What becomes of bare values, by their exact type: most values are."""
