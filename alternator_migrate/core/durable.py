"""Files that survive a crash of the machine, readable by their owner only."""

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final

PRIVATE: Final = 0o600
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def sync_folder(folder: Path) -> None:
    """Make new and renamed files of a folder durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written(path: Path, text: bytes) -> Iterator[None]:
    """A whole, fsynced file for its owner only, which is there while the block lasts. Raises
    `OSError`.

    One that a crash has left may be linked elsewhere: it is replaced, not written to.
    """
    path.unlink(missing_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        yield
    finally:
        path.unlink(missing_ok=True)


def link(file: Path, name: Path) -> None:
    """Give a file one more name. Raises `FileExistsError` where that is taken, by whatever
    process, and `OSError`.

    Without hard links on a file system the name is taken by an empty file first, and the file
    loses its own name.
    """
    try:
        name.hardlink_to(file)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        try:
            file.rename(name)
        except OSError:
            name.unlink(missing_ok=True)
            raise


def stamped(kind: str) -> Iterator[str]:
    """Names for a new file of a `kind`, `<kind>_<millis>.jsonl`, from this millisecond on."""
    return (f"{kind}_{millis}.jsonl" for millis in count(int(time.time() * 1000)))


def following(name: str) -> str:
    """The name `<kind>_<millis>.jsonl` a millisecond after another."""
    kind, _, millis = name.removesuffix(".jsonl").rpartition("_")
    return f"{kind}_{int(millis) + 1}.jsonl"


def settled(path: str) -> str:
    """The path of the file of settled rejects beside a rejects file; any other stays as it is."""
    return re.sub("(^|/)rejects_", r"\1settled_", path)


def claimed(folder: Path, kind: str) -> Path:
    """A new, empty file `<kind>_<millis>.jsonl` of a folder, which is made if need be: the first
    that no process has taken, durable and the owner's alone. Raises `OSError`."""
    private_folder(folder)
    for path in map(folder.joinpath, stamped(kind)):
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
            break
    sync_folder(folder)
    return path


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it, for the owner alone; one that is there is left as it is.
    Raises `OSError`."""
    if not folder.parent.exists():
        private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path) -> BinaryIO:
    """A file to write anew, for its owner alone, whatever stood there before. Raises `OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    os.fchmod(descriptor, PRIVATE)
    return os.fdopen(descriptor, "wb")


def replace_file(path: Path, text: bytes, temporary: Path | None = None) -> None:
    """Put a file of `text` in the place of `path`, whole and durable, its owner's alone, by way of
    a `temporary` one beside it. Raises `OSError`, and then the file is what it was."""
    temporary = temporary or path.with_name(f".{path.name}.tmp")
    with written(temporary, text):
        temporary.rename(path)
    sync_folder(path.parent)
