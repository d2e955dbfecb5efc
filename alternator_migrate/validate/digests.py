"""Compares two tables in constant memory: a sum of hashes for each of many buckets.

An item falls into a bucket by its key. What the source holds is added to the bucket's sum,
what the target holds is subtracted, in any order, and in any number of places whose sums are
merged. The sum is 0 where both sides hold equal items; where they do not it is 0 with a
probability of 2**-128.
"""

import struct
import zlib
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb.values import canonical_and_key, canonical_key

BUCKETS: Final = 1 << 16
_WIDTH: Final = 16
_MODULUS: Final = 1 << (8 * _WIDTH)
_HEAD: Final = struct.Struct(">16sQQ")


class Digests:
    """One sum a bucket for both sides, and how many items were `added` and `subtracted`.

    `seed` (16 to 64 bytes, random) keys the hashes: who does not know it cannot make tables
    that differ and seem equal. All digests of one comparison share key names, seed and
    buckets. The spelling of values does not count. 65,536 buckets take 4 MB of memory,
    however many items there are. Pickles whole.
    """

    def __init__(self, key_names: Sequence[str], *, seed: bytes, buckets: int = BUCKETS) -> None:
        self._key_names = tuple(key_names)
        self._seed = seed
        self._sums = [0] * buckets
        self.added = 0
        self.subtracted = 0

    @property
    def count(self) -> int:
        """Items of both sides together."""
        return self.added + self.subtracted

    def add(self, items: Sequence[Item]) -> None:
        """Take in items of the source: all, or none where it raises `BadAnswer` because one
        lacks its key."""
        self._take(items, 1)
        self.added += len(items)

    def subtract(self, items: Sequence[Item]) -> None:
        """Take in items of the target, as `add` does those of the source."""
        self._take(items, -1)
        self.subtracted += len(items)

    def bucket_of(self, item: Item) -> int:
        """The bucket of an item: the same for every item of the same key."""
        return zlib.crc32(canonical_key(item, self._key_names)) % len(self._sums)

    def differing(self) -> frozenset[int]:
        """The buckets in which source and target differ."""
        return frozenset(bucket for bucket, total in enumerate(self._sums) if total % _MODULUS)

    def merge(self, other: "Digests") -> None:
        """Take in all that `other` took in. Raises `ValueError` for another comparison's."""
        if other._mark() != self._mark():
            raise ValueError("digests of another comparison cannot be merged")
        self._sums = [(a + b) % _MODULUS for a, b in zip(self._sums, other._sums, strict=True)]
        self.added += other.added
        self.subtracted += other.subtracted

    def state(self) -> bytes:
        """All sums and counts, without key names and seed: about 16 bytes for each bucket
        that is not 0, at most 1.1 MB for 65,536."""
        sums = b"".join((total % _MODULUS).to_bytes(_WIDTH, "big") for total in self._sums)
        return _HEAD.pack(self._mark(), self.added, self.subtracted) + zlib.compress(sums, 1)

    @classmethod
    def from_state(
        cls, state: bytes, key_names: Sequence[str], *, seed: bytes, buckets: int = BUCKETS
    ) -> "Digests":
        """The digests that gave `state`. Raises `ValueError` for anything else."""
        digests = cls(key_names, seed=seed, buckets=buckets)
        try:
            mark, digests.added, digests.subtracted = _HEAD.unpack_from(state)
            sums = zlib.decompress(memoryview(state)[_HEAD.size :])
        except (struct.error, zlib.error) as error:
            raise ValueError(f"not the state of digests: {error}") from error
        if mark != digests._mark() or len(sums) != buckets * _WIDTH:
            raise ValueError("the state is that of another comparison's digests")
        parts = (sums[at : at + _WIDTH] for at in range(0, len(sums), _WIDTH))
        digests._sums = [int.from_bytes(part, "big") for part in parts]
        return digests

    def _mark(self) -> bytes:
        """A digest of all that two states must share to be summed: seed, keys and buckets."""
        what = repr((self._key_names, len(self._sums))).encode("utf-8", "surrogatepass")
        return blake2b(what, key=self._seed, digest_size=16).digest()

    def _take(self, items: Sequence[Item], sign: int) -> None:
        sums, key_names, seed = self._sums, self._key_names, self._seed
        buckets = len(sums)
        forms = [canonical_and_key(item, key_names) for item in items]
        for text, key in forms:
            digest = blake2b(text, key=seed, digest_size=_WIDTH).digest()
            sums[zlib.crc32(key) % buckets] += sign * int.from_bytes(digest, "big")
