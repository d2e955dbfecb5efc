"""A prefix of a bucket as the place of savepoints."""

import os
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from itertools import chain
from pathlib import Path
from threading import Lock as ThreadLock
from typing import Any, Final, NamedTuple, TypeVar

from alternator_migrate.config import BucketFolder
from alternator_migrate.core.durable import claimed, following, private_folder, settled
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.savepoints.place import ObjectName
from alternator_migrate.savepoints.s3.background import Background
from alternator_migrate.savepoints.s3.bucket import Bucket, FileBody, Taken
from alternator_migrate.savepoints.s3.locks import S3Locks, key_of

T = TypeVar("T")
_MOST_KEPT_BYTES: Final = 32 * 1024 * 1024
"""Savepoints never change: those that were read or written here are not read again."""
_SAVEPOINTS: Final = "savepoint_"
_GROWING: Final = "[!.]*.jsonl"
_CLAIMED: Final = "claimed"
"""The folder in `work` of the files whose objects get a name when they are sent for the first time:
until then one of the same name may be somebody else's."""


class _Mark(NamedTuple):
    """What tells that a file has changed."""

    inode: int
    size: int
    changed: int


class _Sent(NamedTuple):
    """A file as it was sent, and the ETag of its object."""

    mark: _Mark
    etag: str


class S3Folder:
    """The place below `folder` of a `bucket`, with the `locks` that are there. See `Place`."""

    def __init__(
        self, background: Background, folder: BucketFolder, bucket: Bucket, locks: S3Locks
    ) -> None:
        self._background, self._folder, self._bucket = background, folder, bucket
        self.locks = locks
        self._texts: dict[str, bytes] = {}
        self._etags: dict[str, str] = {}
        self._sent: dict[str, _Sent] = {}
        self._renamed: dict[str, str] = {}
        self._turn = ThreadLock()

    def __str__(self) -> str:
        return str(self._folder)

    @property
    def near(self) -> Path:
        """A folder of this user's own, found by the URL; where there can be none, that of this
        process."""
        own = Path(tempfile.gettempdir()) / f"alternator-migrate-{os.getuid()}"
        folder = own / sha256(str(self).encode()).hexdigest()[:16]
        try:
            private_folder(own)
            private_folder(folder)
            return folder if folder.lstat().st_uid == os.getuid() else self.work
        except OSError:
            return self.work

    @property
    def beside(self) -> str:
        """The URL."""
        return str(self)

    @property
    def work(self) -> Path:
        """A folder of this process's own, which goes with it."""
        return Path(self._temporary.name)

    def names(self, prefix: str = _SAVEPOINTS) -> list[str]:
        """The names of objects. Raises `MigrateError`."""
        keys = self._do(self._bucket.names(self._key(prefix)))
        return [ObjectName(key).name for key in keys]

    def where(self, name: str) -> ObjectName:
        """The URL of an object."""
        return ObjectName(f"{self}/{name}")

    def read(self, name: str) -> bytes:
        """A whole object. Raises `FileNotFoundError`, `MigrateError`."""
        if name not in self._texts:
            found = self._do(self._bucket.get(self._key(name)))
            if found is None:
                raise FileNotFoundError(f"{self.where(name)} is not there any more")
            self._etags[name] = found.etag
            if not name.startswith(_SAVEPOINTS):
                return found.text
            _remember(self._texts, name, found.text)
        return self._texts[name]

    def create(self, text: bytes, names: Callable[[], str], owner: str) -> str:
        """Make an object of the first name that nobody has taken. Raises `MigrateError`."""
        while True:
            self.locks.check(owner)
            name = names()
            with suppress(Taken):
                self._do(self._bucket.put(self._key(name), text, None))
                _remember(self._texts, name, text)
                return name

    def replace(self, name: str, text: bytes) -> None:
        """Write an object, unless somebody else has written it since. Raises `MigrateError`."""
        try:
            put = self._bucket.put(self._key(name), text, self._etags.get(name))
            self._etags[name] = self._do(put)
        except Taken as error:
            raise MigrateError(
                f"{self.where(name)} was changed by another run", "Run it again."
            ) from error

    def remove(self, name: str) -> None:
        """Delete an object. Raises `MigrateError`."""
        self._do(self._bucket.delete(self._key(name)))
        self._texts.pop(name, None)

    def claim(self, kind: str) -> Path:
        """A new file, which no request is made for: where somebody else has its name when it is
        sent, its object gets the next one that is free. Raises `OSError`."""
        return claimed(self.work / _CLAIMED, kind)

    def keep(self) -> None:
        """Send the files that have changed, in the order of their names: where lines move from one
        to the other meanwhile (rejects, settled), they are in both then. Raises `MigrateError`."""
        with self._turn:
            if "_temporary" not in self.__dict__:
                return
            found = chain(*map(self.work.glob, (_GROWING, f"{_CLAIMED}/{_GROWING}")))
            there = sorted(_file(self.work, path) for path in found)
            for name in there:
                with suppress(FileNotFoundError):
                    self._send(name)
            for name in sorted(self._sent.keys() - set(there)):
                self._do(self._bucket.delete(self._key(_object_of(name, self._renamed))))
                del self._sent[name]

    def told(self, path: str | Path) -> str:
        """The URL; that of a claimed file is final once it was sent."""
        return self.where(_object_of(_file(self.work, Path(path)), self._renamed))

    def at_hand(self, told: str) -> Path:
        """A file of the name in this place, brought here unless it is, as is that of the settled
        ones beside one of rejects. Raises `MigrateError`."""
        name = ObjectName(told).name
        with self._turn:
            files = {_object_of(each, self._renamed): each for each in self._sent}
            for each in dict.fromkeys((settled(name), name)):
                path = self.work / files.get(each, each)
                if path.exists():
                    continue
                etag = self._do(self._bucket.fetch(self._key(each), path))
                if etag:
                    self._sent[_file(self.work, path)] = _Sent(_mark(path.stat()), etag)
                else:
                    path.unlink()
        return path

    def setting(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was given: it says where, wherever it is read."""
        return given

    @cached_property
    def _temporary(self) -> "tempfile.TemporaryDirectory[str]":
        return tempfile.TemporaryDirectory(prefix="alternator-migrate-", ignore_cleanup_errors=True)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which is given up where a lock is lost: nobody waits for S3 then.
        Raises what it raises, and `MigrateError`."""
        return self._background.do(self.locks.unless_lost(work))

    def _key(self, name: str) -> str:
        return key_of(self._folder, name)

    def _send(self, name: str) -> None:
        with (self.work / name).open("rb") as file:
            status = os.fstat(file.fileno())
            mark, sent = _mark(status), self._sent.get(name)
            if sent and sent.mark == mark:
                return
            body = FileBody(file.fileno(), status.st_size)
            while True:
                called = _object_of(name, self._renamed)
                try:
                    put = self._bucket.put(self._key(called), body, sent.etag if sent else None)
                    self._sent[name] = _Sent(mark, self._do(put))
                    return
                except Taken as error:
                    if sent or not name.startswith(f"{_CLAIMED}/"):
                        raise MigrateError(
                            f"{self.where(called)} was changed by somebody else while this "
                            "run adds to it",
                            "What is there is left as it is. Run it again: that goes on with it.",
                        ) from error
                    free = following(called)
                    self._renamed |= {name: free, settled(name): settled(free)}


def _file(work: Path, path: Path) -> str:
    """A file by its path in `work`; of one elsewhere, the name."""
    is_claimed = path.parent == work / _CLAIMED
    return f"{_CLAIMED}/{path.name}" if is_claimed else path.name


def _object_of(file: str, renamed: Mapping[str, str]) -> str:
    """The name of a file's object."""
    return renamed.get(file) or Path(file).name


def _remember(texts: dict[str, bytes], name: str, text: bytes) -> None:
    if sum(map(len, texts.values())) > _MOST_KEPT_BYTES:
        texts.clear()
    texts[name] = text


def _mark(status: os.stat_result) -> _Mark:
    return _Mark(status.st_ino, status.st_size, status.st_mtime_ns)
