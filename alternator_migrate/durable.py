"""What a crash of the machine must not undo, and what nobody but its owner may read."""

import os
from pathlib import Path
from typing import BinaryIO, Final

PRIVATE: Final = 0o600


def sync_folder(folder: Path) -> None:
    """Make new and renamed files of a folder durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_folder(folder: Path) -> None:
    """Make a folder for the owner alone; one that is there is left as it is. Raises `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def open_private(path: Path) -> BinaryIO:
    """A file to write anew, for its owner alone, whatever stood there before. Raises `OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    os.fchmod(descriptor, PRIVATE)
    return os.fdopen(descriptor, "wb")


def replace_file(path: Path, text: bytes, temporary: Path | None = None) -> None:
    """Put a file of `text` in the place of `path`, whole and durable, its owner's alone, by way of
    a `temporary` one beside it. Raises `OSError`, and then the file is what it was."""
    temporary = temporary or path.with_name(f".{path.name}.tmp")
    try:
        with open_private(temporary) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
