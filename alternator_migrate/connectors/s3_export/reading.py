"""Reads the manifests of exports, and finds out where their objects are."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from alternator_migrate.connectors.s3_export.manifest import (
    DataFile,
    Summary,
    check_md5,
    read_files,
    read_summary,
)
from alternator_migrate.connectors.s3_export.objects import ObjectAbsent, ObjectForbidden, Objects
from alternator_migrate.connectors.s3_export.places import Rule, rules
from alternator_migrate.connectors.s3_export.source import Export
from alternator_migrate.core.errors import UsageError

_CHECKSUMS: Final = (".md5", ".checksum")
_COPIED: Final = (
    "Copy the whole export, manifests and data files, with the folders that it has below "
    "AWSDynamoDB/ (or the data files into a folder `data` beside the manifest)."
)


async def read_export(objects: Objects, bucket: str | None, key: str) -> Export:
    """The export whose summary has this key. Raises `UsageError` where there is no whole one, or
    where its manifests are damaged; `MigrateError` where they cannot be read."""
    name = objects.name(key)
    body = await _summary_body(objects, key)
    summary = read_summary(body, name)
    listed, rule = await _list(objects, key, summary, in_bucket=bucket is not None)
    files = await _placed(objects, key, listed, rule, in_bucket=bucket is not None)
    return Export(name, bucket, summary, files)


async def _summary_body(objects: Objects, key: str) -> bytes:
    try:
        return await _checked(objects, key)
    except ObjectAbsent as error:
        hint = (
            "It is written last: is the export complete, and is this its place? Name "
            ".../AWSDynamoDB/ID/manifest-summary.json with source.manifestKey."
        )
        raise UsageError(f"no export can be read: {error.args[0]}", error.hint or hint) from error


async def _list(
    objects: Objects, key: str, summary: Summary, *, in_bucket: bool
) -> tuple[tuple[DataFile, ...], Rule]:
    """The data files of an export, and the rule by which their list was found."""
    search = _Search(objects, "the list of the export's data files")
    for place, rule in search.places(summary.files_key, rules(key, in_bucket=in_bucket)):
        with search.looking():
            body = await _checked(objects, place)
            return read_files(body, objects.name(place), summary.items), rule
    raise search.failed()


async def _placed(
    objects: Objects, key: str, files: Sequence[DataFile], likely: Rule, *, in_bucket: bool
) -> tuple[DataFile, ...]:
    """The data files with the keys that they are at: one rule, found by the first, is for all."""
    if not files:
        return ()
    search = _Search(objects, f"the export's data file {files[0].key}")
    for place, rule in search.places(files[0].key, (likely, *rules(key, in_bucket=in_bucket))):
        with search.looking():
            if await objects.exists(place):
                return tuple(replace(file, key=rule(file.key) or file.key) for file in files)
    raise search.failed()


class _Search:
    """The search for an object at several places; `what` it is, for messages."""

    def __init__(self, objects: Objects, what: str) -> None:
        self._objects, self._what = objects, what
        self._tried: list[str] = []
        self._forbidden: ObjectForbidden | None = None

    def places(self, key: str, found: Iterable[Rule]) -> Iterator[tuple[str, Rule]]:
        """The places of a key of a manifest, each once, with the first rule that leads there."""
        for rule in found:
            place = rule(key)
            if place is not None and place not in self._tried:
                self._tried.append(place)
                yield place, rule

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Around the look at one place: what is absent there may be at the next."""
        try:
            yield
        except ObjectForbidden as error:
            self._forbidden = self._forbidden or error
        except ObjectAbsent:
            pass

    def failed(self) -> UsageError:
        """The error for what is nowhere, or that may not be read where it was looked for first."""
        if self._forbidden:
            return UsageError(self._forbidden.args[0], self._forbidden.hint)
        places = ", ".join(map(self._objects.name, self._tried))
        return UsageError(f"{self._what} is at none of {places}", _COPIED)


async def _checked(objects: Objects, key: str) -> bytes:
    """A manifest, which is what its checksum file says, where there is one."""
    stem = key.removesuffix(".json")
    body = await objects.get(key)
    for end in _CHECKSUMS:
        check_md5(body, await _or_none(objects, stem + end), objects.name(key))
    return body


async def _or_none(objects: Objects, key: str) -> bytes | None:
    try:
        return await objects.get(key)
    except ObjectAbsent:
        return None
