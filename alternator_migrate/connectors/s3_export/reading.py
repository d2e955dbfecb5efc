"""Reads the manifests of exports, and finds out where their objects are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alternator_migrate.connectors.s3_export.manifest import (
    DataFile,
    Summary,
    check_md5,
    read_files,
    read_summary,
)
from alternator_migrate.connectors.s3_export.objects import ObjectAbsent, Objects
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
    tried = []
    for rule in rules(key, in_bucket=in_bucket):
        place = rule(summary.files_key)
        if place is None or place in tried:
            continue
        tried.append(place)
        try:
            body = await _checked(objects, place)
        except ObjectAbsent:
            continue
        return read_files(body, objects.name(place), summary.items), rule
    places = ", ".join(map(objects.name, tried))
    raise UsageError(f"the list of the export's data files is at none of {places}", _COPIED)


async def _placed(
    objects: Objects, key: str, files: Sequence[DataFile], likely: Rule, *, in_bucket: bool
) -> tuple[DataFile, ...]:
    """The data files with the keys that they are at: one rule, found by the first, is for all."""
    if not files:
        return ()
    tried = []
    for rule in (likely, *rules(key, in_bucket=in_bucket)):
        place = rule(files[0].key)
        if place is None or place in tried:
            continue
        tried.append(place)
        if await objects.exists(place):
            return tuple(replace(file, key=rule(file.key) or file.key) for file in files)
    places = ", ".join(map(objects.name, tried))
    raise UsageError(f"the export's data file {files[0].key} is at none of {places}", _COPIED)


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
