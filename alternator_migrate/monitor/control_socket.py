"""Where a run listens: a socket beside its savepoints, or, where that cannot be, elsewhere."""

import os
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from alternator_migrate.core.durable import PRIVATE, open_private

_LONGEST: Final = 103 if sys.platform == "darwin" else 107
"""The most bytes of a socket's path that the system takes."""


def control_name(identity: str) -> str:
    """The name of the socket of a migration or a validation."""
    return f"control_{identity}"


@contextmanager
def open_socket(folder: Path, name: str) -> Iterator[tuple[socket.socket, Path]]:
    """A socket `name`.sock that listens in `folder`, for its owner only, while the block lasts.

    Where the path is too long, or the file system has no sockets, it is elsewhere, and a file of
    that name in `folder` says where. What a run that was killed has left is replaced: the caller
    holds the lock of the migration. Raises `OSError` where there can be none.
    """
    known = folder.absolute() / f"{name}.sock"
    listening, path = _bound(known)
    try:
        listening.listen(32)
        listening.setblocking(False)
        yield listening, path
    finally:
        listening.close()
        for each in {known, path}:
            with suppress(OSError):
                each.unlink()


def socket_of(folder: Path, name: str) -> Path | None:
    """The socket of a run that listens, or did when it was killed; None where there is none."""
    known = folder.absolute() / f"{name}.sock"
    try:
        if stat.S_ISSOCK(known.stat().st_mode):
            return known
        elsewhere = known.read_text(encoding="utf-8").strip()
        return Path(elsewhere) if elsewhere else None
    except (OSError, UnicodeDecodeError):
        return None


def _bound(known: Path) -> tuple[socket.socket, Path]:
    known.unlink(missing_ok=True)
    try:
        return _bind(known), known
    except OSError:
        elsewhere = _runtime_folder() / f"{sha256(os.fsencode(known)).hexdigest()[:24]}.sock"
        elsewhere.unlink(missing_ok=True)
        listening = _bind(elsewhere)
        with open_private(known) as pointer:
            pointer.write(os.fsencode(elsewhere))
        return listening, elsewhere


def _bind(path: Path) -> socket.socket:
    """A socket at `path`, readable and writable by its owner from the beginning."""
    if len(os.fsencode(path)) > _LONGEST:
        raise OSError(f"{path} is longer than the {_LONGEST} bytes of a socket's path")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~PRIVATE)
    try:
        listening.bind(os.fspath(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def _runtime_folder() -> Path:
    """A folder of this user alone, with a short path. Raises `OSError` where there is none."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and _is_own(Path(given)):
        return Path(given)
    folder = Path(tempfile.gettempdir()) / f"alternator-migrate-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_own(folder):
        raise OSError(f"{folder} is not a folder of this user alone")
    return folder


def _is_own(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
