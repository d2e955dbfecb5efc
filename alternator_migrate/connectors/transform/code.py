"""The code of a transform: found from the configuration, told apart by its hash, made to functions.

A file's text travels to workers as it was read once; a module has to be there, the same.
"""

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from alternator_migrate.config import TransformReference, transform_reference
from alternator_migrate.connectors.transform.function import UserFunctions
from alternator_migrate.connectors.transform.printed import printing_logged
from alternator_migrate.core.errors import UsageError

_IMPORTING: Final = (Exception, SystemExit)
_INSTALL: Final = (
    "Install it into the environment of alternator-migrate (pipx inject), or name a file."
)
_TWIN: Final = "transform_"
_COMPANIONS: Final = ("transform_key", "source_key")


@dataclass(frozen=True, slots=True)
class TransformCode:
    """The code that a configuration names: a file, with its text, or a module. Pickles whole; what
    it makes is made on each machine anew."""

    reference: TransformReference
    sha256: str
    text: str = ""

    @property
    def identity(self) -> str:
        """What tells it from other code, for savepoints: the SHA-256, and another function than
        `transform` by its name."""
        function = self.reference.function
        return self.sha256 if function == "transform" else f"{self.sha256}:{function}"

    def functions(self) -> UserFunctions:
        """The functions. Raises `UsageError` where the code does not run here, is not the code that
        was found at first, or lacks the function."""
        reference = self.reference
        if reference.module:
            _check_same(self)
            module = _imported(reference)
        else:
            module = _executed(reference, self.text, f"{_TWIN}{self.sha256[:16]}")
        return UserFunctions(
            str(reference),
            _function(module, reference.function, reference),
            *(
                _function(module, name, reference) if hasattr(module, name) else None
                for name in _COMPANIONS
            ),
        )


def find_code(name: str | None) -> TransformCode | None:
    """The code that `transform` of a configuration names; None without one. Raises `UsageError`
    where it is not there."""
    if name is None:
        return None
    reference = transform_reference(name)
    text = _source(reference)
    return TransformCode(
        reference, hashlib.sha256(text).hexdigest(), "" if reference.module else text.decode()
    )


def _source(reference: TransformReference) -> bytes:
    """The text of a file or of a module."""
    try:
        if reference.file:
            text = Path(reference.file).read_bytes()
            text.decode()
            return text
        with printing_logged():  # a module's packages are imported
            found = importlib.util.find_spec(str(reference.module))
        if found and found.origin and found.origin.endswith(".py"):
            return Path(found.origin).read_bytes()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not a text in UTF-8"
        raise UsageError(
            f"transform: {reference.file or reference.module} cannot be read: {why}",
            "A relative path counts from the folder of the configuration.",
        ) from error
    except _IMPORTING as error:
        raise _broken(reference, error) from error
    raise UsageError(
        f"transform: there is no module {reference.module} with a source here",
        _INSTALL,
    )


def _check_same(code: TransformCode) -> None:
    if find_code(str(code.reference)) != code:
        raise UsageError(
            f"transform: the module {code.reference.module} is another here than where the run "
            "was started",
            "Install the same one on every machine, or name a file: its text travels.",
        )


def _imported(reference: TransformReference) -> ModuleType:
    try:
        with printing_logged():
            return importlib.import_module(str(reference.module))
    except _IMPORTING as error:
        raise _broken(reference, error) from error


def _executed(reference: TransformReference, text: str, name: str) -> ModuleType:
    """A file's text as a module; it is known by its name, as dataclasses demand."""
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = reference.file
    try:
        with printing_logged():
            exec(compile(text, str(reference.file), "exec"), vars(module))  # noqa: S102 # the user's
    except _IMPORTING as error:
        raise _broken(reference, error) from error
    return module


def _broken(reference: TransformReference, error: BaseException) -> UsageError:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == reference.file
    ]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    place = f", line {line}" if line else ""
    words = error.msg if isinstance(error, SyntaxError) else error
    return UsageError(
        f"transform: {reference}{place} does not run: {type(error).__name__}: {words}",
        _remedy(reference, error),
    )


def _remedy(reference: TransformReference, error: BaseException) -> str:
    if not isinstance(error, ImportError):
        return f"Mend it: `python {reference.file or '-m ' + str(reference.module)}` says the same."
    if reference.module:
        return _INSTALL
    return "It is run by itself: it may import what is installed here, and no file beside it."


def _function(module: Any, name: str, reference: TransformReference) -> Any:
    found = getattr(module, name, None)
    written = f"Write `def {name}({'key' if name in _COMPANIONS else 'item'}):`"
    if not callable(found):
        other = "leave it out" if name in _COMPANIONS else "name another function behind a colon"
        raise UsageError(
            f"transform: {reference} has no function {name}", f"{written}, or {other}."
        )
    if inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found):
        raise UsageError(f"transform: {name} of {reference} is async", "Write it with `def` alone.")
    if not _takes(found, 1) and not _takes(found, 2):
        raise UsageError(
            f"transform: {name} of {reference} cannot be called with one argument, nor with two",
            f"{written}; a second parameter is told the table and the phase.",
        )
    return found


def _takes(function: Any, count: int) -> bool:
    """Whether a function may be called with so many arguments, as far as that can be told."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return True
    return True
