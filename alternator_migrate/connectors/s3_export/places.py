"""Where the objects of an export are, also where it was copied to another place as a whole.

Keys in manifests begin at the bucket's root. ScyllaDB Migrator writes them relative to the folder
of the manifest; a copy under another prefix has keys that lead nowhere.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

Rule: TypeAlias = Callable[[str], str | None]
"""Gives the key at which an object is, from its key in a manifest; None where it has none."""
_ROOT: Final = "AWSDynamoDB/"


def rules(manifest_key: str, *, in_bucket: bool) -> Iterator[Rule]:
    """The rules by which keys of an export may be meant, whose summary has this key, the likely
    ones first: as written; below the prefix at which the summary is now; from the summary's
    folder; and by their names alone, in its folder or in `data` there."""
    folder = manifest_key.rpartition("/")[0]
    at = folder and f"{folder}/"
    if in_bucket:
        yield lambda key: key
    prefix, found, _ = manifest_key.rpartition(_ROOT)
    if found:
        yield lambda key: _moved(prefix, key)
    yield lambda key: at + key
    yield lambda key: f"{at}data/{key.rpartition('/')[2]}"
    yield lambda key: at + key.rpartition("/")[2]


def _moved(prefix: str, key: str) -> str | None:
    _, found, rest = key.rpartition(_ROOT)
    return prefix + _ROOT + rest if found else None
