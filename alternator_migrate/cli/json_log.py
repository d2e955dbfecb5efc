"""Log lines as JSON, and what else reaches standard error made into such lines."""

import json
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType
from typing import TextIO

OPTION = "--log-format"


def wanted(words: Sequence[str]) -> bool:
    """Whether the words of a command line ask for JSON: known before they are parsed, so that
    their own mistakes are told so, too."""
    given = [word.partition("=")[2] for word in words if word.startswith(f"{OPTION}=")]
    given += [after for word, after in pairwise(words) if word == OPTION]
    return "json" in given


def line(level: str, message: str, when: float | None = None, **more: object) -> str:
    """One line; `when` is epoch seconds, now unless given."""
    clock = time.gmtime(time.time() if when is None else when)
    told = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", clock), "level": level, "message": message}
    return json.dumps({**told, **more}, ensure_ascii=False)


def tell(level: str, message: str, **more: object) -> None:
    """Write a line to standard error."""
    sys.stderr.write(line(level, message, None, **more) + "\n")
    sys.stderr.flush()


def tell_all() -> None:
    """Let the warnings of Python, and tracebacks of any thread, be lines, too."""
    sys.excepthook = _tell_bug
    threading.excepthook = lambda seen: _tell_bug(
        seen.exc_type, seen.exc_value or seen.exc_type(), seen.exc_traceback
    )
    warnings.showwarning = _tell_warning


def _tell_bug(
    kind: type[BaseException], failure: BaseException, trace: TracebackType | None
) -> None:
    text = "".join(traceback.format_exception(kind, failure, trace))
    message = traceback.format_exception_only(kind, failure)[-1].strip()
    tell("error", message, error=text)


def _tell_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    tell("warning", f"{category.__name__}: {message}", at=f"{filename}:{lineno}")
