"""Calls a user's function: one item in; none, one or several out; a refusal where that fails."""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, localcontext
from time import perf_counter
from typing import Any, Final, Literal

from alternator_migrate.connectors.transform.printed import LINES, PRINTED, printing_logged
from alternator_migrate.core.calls import CallFigures
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Item, Reject
from alternator_migrate.dynamodb.items import key_of
from alternator_migrate.dynamodb.native import ValueRefusedError
from alternator_migrate.dynamodb.rebuilt import Form, Opened, Rebuilt

REASON: Final = "transform"
"""The error type of what a function refuses."""
_DIGITS: Final = 38
_CONTEXT: Final = Context(prec=_DIGITS)
_CALLED_TWICE: Final = 100
_FORMS: Final = ("native", "dynamodb")
_TRACE: Final = 4000


@dataclass(frozen=True, slots=True)
class Meta:
    """What a function may ask for as its second argument: the source `table`; the `phase`, "copy"
    or "change"; the `kind` of what happens to the item, "put" or "delete"; the names of the `keys`
    of the table."""

    table: str
    phase: Literal["copy", "change"]
    kind: Literal["put", "delete"]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserFunctions:
    """The functions of a user's file: `transform`, and, where it has them, `transform_key` (a
    source's key to those of the target) and `source_key` (back). `name` is for messages."""

    name: str
    transform: Callable[..., Any]
    transform_key: Callable[..., Any] | None = None
    source_key: Callable[..., Any] | None = None

    @property
    def form(self) -> Form:
        """The form in which items are given. Raises `UsageError` for another than there is."""
        form: Form = getattr(self.transform, "form", "native")
        if form not in _FORMS:
            raise UsageError(
                f"transform {self.name}: its attribute `form` is {form!r}",
                "It can be 'native' (Decimal, bytes, set) or 'dynamodb' ({'S': ...}).",
            )
        return form


@dataclass(frozen=True, slots=True)
class Made:
    """What a function made of one source item: items, or the refusal of it."""

    items: Sequence[Rebuilt] = ()
    reject: Reject | None = None


@dataclass(slots=True)
class Transform:
    """Calls `functions` for items of a `table` with these key attributes and their types, where
    what is made of them has `target_keys`, if these are others (in the source's names); whether
    one of them `has_moved` to another key by now, and the seconds `spent`.

    The first hundred items are given twice: a function that then says something else is of no use
    to a copy that may be repeated. Not for several threads at once.
    """

    functions: UserFunctions
    table: str
    keys: Mapping[str, str]
    target_keys: Mapping[str, str] = field(default_factory=dict)
    has_moved: bool = field(default=False, init=False)
    spent: float = field(default=0.0, init=False)
    _left: int = field(default=_CALLED_TWICE, init=False)
    _form: Form = field(default="native", init=False)
    _slowest: tuple[float, bytes] = field(default=(0.0, b"{}"), init=False)
    _calls: dict[Any, Callable[..., Any]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._form = self.functions.form
        self.target_keys = self.target_keys or self.keys
        self.has_moved = self.has_other_keys

    @property
    def has_other_keys(self) -> bool:
        """Whether the target has another key than the source: all items move then."""
        return self.target_keys != self.keys

    def of(self, item: Item, meta: Meta) -> Made:
        """What the function makes of an item. Raises `MigrateError` where it says something else
        when asked again."""
        began = perf_counter()
        made = self._of(item, meta)
        seconds = perf_counter() - began
        self.spent += seconds
        if seconds > self._slowest[0]:
            self._slowest = seconds, bytes(item)
        if self._left:
            self._left -= 1
            self._check_again(item, meta, made)
        return made

    @property
    def calls(self) -> CallFigures:
        """What is known of the calls by now, without those that only check."""
        seconds, item = self._slowest
        return CallFigures(seconds, self._shown_key(item) if seconds else "", self.has_moved)

    def meta(self, phase: Literal["copy", "change"], kind: Literal["put", "delete"]) -> Meta:
        """The second argument of a function."""
        return Meta(self.table, phase, kind, tuple(self.keys))

    def keys_of(self, key: bytes, meta: Meta) -> Sequence[bytes] | None:
        """The target's keys of a source's key, by `transform_key`; None where there is none.

        Raises `ValueError` where it fails.
        """
        function, keys = self.functions.transform_key, (self.keys, self.target_keys)
        return self._mapped("transform_key", function, key, meta, *keys)

    def source_keys_of(self, key: bytes) -> Sequence[bytes] | None:
        """The source's keys of a target's key, by `source_key`; None where there is none.

        Raises `ValueError` where it fails.
        """
        function, keys = self.functions.source_key, (self.target_keys, self.keys)
        return self._mapped("source_key", function, key, self.meta("copy", "put"), *keys)

    def _of(self, item: Item, meta: Meta) -> Made:
        before = sys.stdout, sys.stderr  # `printing_logged`, but quicker
        sys.stdout = sys.stderr = PRINTED
        try:
            opened = Opened(item, self._form, self.target_keys, self.keys)
            with localcontext(_CONTEXT):
                results = self._called(self.functions.transform, opened.given, meta)
                items = [opened.rebuilt(each) for each in _each(results)]
            self._check_distinct(items)
            self.has_moved = self.has_moved or any(each.moved for each in items)
        except _REFUSALS as error:
            return Made(reject=self._reject(item, error))
        finally:
            sys.stdout, sys.stderr = before
            LINES.end_line()
        return Made(items)

    def _mapped(
        self,
        name: str,
        function: Callable[..., Any] | None,
        key: bytes,
        meta: Meta,
        own: Mapping[str, str],
        keys: Mapping[str, str],
    ) -> Sequence[bytes] | None:
        if function is None:
            return None
        try:
            opened = Opened(key, self._form, keys, own)
            with localcontext(_CONTEXT), printing_logged():
                results = self._called(function, opened.given, meta)
                made = [opened.rebuilt(each).item for each in _each(results)]
        except _REFUSALS as error:
            words = _words(self.functions.name, function, error)
            raise ValueError(f"{name} of {words}") from error
        return [key_of(each, tuple(keys)) for each in made]

    def _called(self, function: Callable[..., Any], given: Any, meta: Meta) -> Any:
        call = self._calls.get(function)
        if call is None:
            takes_two = _takes_two(function)
            call = self._calls[function] = function if takes_two else _with_one(function)
        return call(given, meta)

    def _check_again(self, item: Item, meta: Meta, made: Made) -> None:
        again = self._of(item, meta)
        if [bytes(each.item) for each in made.items] == [bytes(each.item) for each in again.items]:
            return
        raise MigrateError(
            f"transform {self.functions.name} makes something else of the same item when it is "
            f"called again: {self._shown_key(item)}",
            "An item may be copied and compared more than once: let the result depend on the item "
            "alone, not on the time, on chance or on what was called before.",
        )

    def _shown_key(self, item: Item) -> str:
        return key_of(item, tuple(self.keys)).decode("utf-8", "replace")

    def _check_distinct(self, items: Sequence[Rebuilt]) -> None:
        if len(items) > 1:
            names = tuple(self.target_keys)
            found = {key_of(each.item, names) for each in items}
            if len(found) < len(items):
                raise ValueRefusedError(
                    "two of the results have the same key: one of them would be lost"
                )

    def _reject(self, item: Item, error: BaseException) -> Reject:
        return Reject(
            bytes(item),
            REASON,
            _words(self.functions.name, self.functions.transform, error),
            source=True,
            key=key_of(item, tuple(self.keys)),
            trace=_trace(error),
        )


_REFUSALS: Final = (Exception, SystemExit)
"""What a user's function may raise without ending the run."""


def _each(results: Any) -> Iterator[Any]:
    """The items of what a function returned."""
    if results is None:
        return iter(())
    if isinstance(results, dict):
        return iter((results,))
    if inspect.isawaitable(results):
        if inspect.iscoroutine(results):
            results.close()  # Python warns of one that nobody awaits
        raise ValueRefusedError("it returned something to be awaited: write it without async")
    if isinstance(results, Iterable) and not isinstance(results, str | bytes):
        return iter(results)
    raise ValueRefusedError(
        f"it returned a {type(results).__name__}, not an item, None or a list of items"
    )


def _trace(error: BaseException) -> str:
    """The traceback from the user's code on; none of what is no exception of theirs."""
    own = error.__traceback__
    while own and own.tb_frame.f_code.co_filename == __file__:
        own = own.tb_next
    if isinstance(error, ValueRefusedError):
        return ""
    return "".join(traceback.format_exception(type(error), error, own))[-_TRACE:]


def _words(name: str, function: Callable[..., Any], error: BaseException) -> str:
    """What failed in a function of the code of this name, in one line, with the line of the code
    where that is known."""
    text = " ".join(str(error).split())
    if isinstance(error, ValueRefusedError):
        return f"{name}: {text}"
    code = getattr(inspect.unwrap(function), "__code__", None)
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if code and frame.f_code.co_filename == code.co_filename
    ]
    place = f"{name}, line {lines[-1]}" if lines else name
    kind = type(error).__name__
    return f"{place}: {kind}: {text}" if text else f"{place}: {kind}"


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


def _with_one(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda given, _: function(given)
