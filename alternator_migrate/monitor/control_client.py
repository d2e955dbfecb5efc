"""The client of a control socket."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError, UsageError

_SECONDS: Final = 15.0


def ask(path: Path, words: Sequence[str]) -> dict[str, Any]:
    """The answer of the run that listens at `path` to a command.

    Raises `UsageError` where nobody listens there, `MigrateError` where no answer comes.
    """
    request = {"command": words[0], "arguments": list(words[1:])}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answer:
                line = answer.readline()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise UsageError(
            f"no run listens at {path} any more",
            "It was killed, and will listen there again when it is started anew.",
        ) from error
    except TimeoutError as error:
        raise MigrateError(
            f"no answer from {path} within {_SECONDS:.0f} s",
            "The run is there, but does not get on; ask again.",
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot ask at {path}: {error.strerror}",
            "Only the user whose run it is may steer it.",
        ) from error
    try:
        values: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise MigrateError(f"the run at {path} ended without an answer") from error
    return values
