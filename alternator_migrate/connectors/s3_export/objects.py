"""The port to where exports are, and its form for files of this machine."""

import asyncio
from collections.abc import Callable
from errno import ENAMETOOLONG
from pathlib import Path
from typing import IO, Final, Protocol, TypeAlias

from alternator_migrate.core.errors import MigrateError

PIECE: Final = 256 * 1024
"""The most bytes of an object that are asked for at once."""


class ObjectAbsent(MigrateError):
    """An object is not there, or may not be seen."""


class ObjectForbidden(ObjectAbsent):
    """An object may not be read; where objects may not be listed, S3 says that of absent ones
    too."""


class ObjectReader(Protocol):
    """The bytes of one object, from its beginning."""

    async def read(self) -> bytes:
        """The next bytes; none at the end. Raises `MigrateError`."""
        ...

    async def close(self) -> None:
        """Let go of it, at whatever place."""
        ...


class Objects(Protocol):
    """The objects of one bucket, or the files of this machine."""

    def name(self, key: str) -> str:
        """An object's name in messages."""
        ...

    async def get(self, key: str) -> bytes:
        """A small object as a whole. Raises `ObjectAbsent`, `MigrateError`."""
        ...

    async def exists(self, key: str) -> bool:
        """Whether an object is there. Raises `ObjectForbidden` where it may not be read, and
        `MigrateError` where that cannot be asked."""
        ...

    def open(self, key: str) -> ObjectReader:
        """A reader of an object. Nothing is asked yet."""
        ...


ObjectsOf: TypeAlias = Callable[[str | None], Objects]
"""Gives the objects of a bucket, or for None the files of this machine."""


class Files:
    """Files of this machine; a key is a path."""

    def name(self, key: str) -> str:
        """The path."""
        return key

    async def get(self, key: str) -> bytes:
        """A small file as a whole. Raises `ObjectAbsent` and `MigrateError`."""
        try:
            return await asyncio.to_thread(Path(key).read_bytes)
        except OSError as error:
            raise unreadable(key, error) from error

    async def exists(self, key: str) -> bool:
        """Whether a file is there. Raises `MigrateError` where that cannot be seen."""
        try:
            return await asyncio.to_thread(Path(key).is_file)
        except OSError as error:
            raise unreadable(key, error) from error

    def open(self, key: str) -> "FileReader":
        """A reader of a file."""
        return FileReader(key)


class FileReader:
    """Reads a file of this machine piece by piece."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    async def read(self) -> bytes:
        """The next bytes; none at the end. Raises `MigrateError`."""
        try:
            return await asyncio.to_thread(self._read)
        except OSError as error:
            raise unreadable(self._path, error) from error

    async def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _read(self) -> bytes:
        if self._file is None:
            self._file = Path(self._path).open("rb", buffering=0)  # noqa: SIM115 # `close` closes it
        return self._file.read(PIECE)


def unreadable(path: str, error: OSError) -> MigrateError:
    """The error for a file that cannot be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError) or error.errno == ENAMETOOLONG:
        return ObjectAbsent(f"{path} does not exist")
    kind = ObjectForbidden if isinstance(error, PermissionError) else MigrateError
    return kind(f"{path} cannot be read: {error.strerror}", "Check its permissions.")
