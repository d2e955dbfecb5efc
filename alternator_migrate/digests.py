"""Whether two tables are equal, in constant memory: a sum of hashes for each of many buckets.

Each item falls into a bucket by its key. What the source holds is added to the bucket's sum,
what the target holds is subtracted, in any order and in any number of places whose sums are
merged; where both hold the same items the sum is 0, otherwise it is 0 with probability 2**-128.
"""

import zlib
from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import Final

from alternator_migrate.canonical import canonical_and_key, canonical_key
from alternator_migrate.model import Item

BUCKETS: Final = 1 << 16
_WIDTH: Final = 16
_MODULUS: Final = 1 << (8 * _WIDTH)
_HEAD: Final = Struct(">4sIQQ16s")
_MAGIC: Final = b"AMD1"


class Digests:
    """Sums of the hashes of items, a bucket of keys each: one array for both sides.

    `seed` keys the hashes: nobody without it can make tables that differ and seem equal. All
    digests of one comparison need the same key names, buckets and seed. Equal values give
    equal hashes whatever their spelling. Takes about 64 bytes a bucket, 4 MB by default,
    however many items there are.
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
        """Take in items of the source. Raises `BadAnswer` for one without its key."""
        self._take(items, 1)
        self.added += len(items)

    def subtract(self, items: Sequence[Item]) -> None:
        """Take in items of the target. Raises `BadAnswer` for one without its key."""
        self._take(items, -1)
        self.subtracted += len(items)

    def bucket_of(self, item: Item) -> int:
        """The bucket of an item, by its key."""
        return zlib.crc32(canonical_key(item, self._key_names)) % len(self._sums)

    def differing(self) -> frozenset[int]:
        """The buckets in which the two sides differ."""
        return frozenset(bucket for bucket, total in enumerate(self._sums) if total % _MODULUS)

    def merge(self, other: "Digests") -> None:
        """Take in all that `other` took in. Raises `ValueError` for another comparison's."""
        if (self._key_names, self._seed, len(self._sums)) != (
            other._key_names,
            other._seed,
            len(other._sums),
        ):
            raise ValueError("digests of another comparison cannot be merged")
        self._sums = [(a + b) % _MODULUS for a, b in zip(self._sums, other._sums, strict=True)]
        self.added += other.added
        self.subtracted += other.subtracted

    def state(self) -> bytes:
        """All sums and counts, without key names and seed; at most 17 bytes a bucket."""
        sums = b"".join((total % _MODULUS).to_bytes(_WIDTH, "big") for total in self._sums)
        head = _HEAD.pack(_MAGIC, len(self._sums), self.added, self.subtracted, self._mark())
        return head + zlib.compress(sums, 1)

    @classmethod
    def from_state(cls, state: bytes, key_names: Sequence[str], *, seed: bytes) -> "Digests":
        """The digests that gave `state`. Raises `ValueError` for anything else."""
        magic, buckets, added, subtracted, mark = _HEAD.unpack_from(state)
        sums = zlib.decompress(state[_HEAD.size :])
        digests = cls(key_names, seed=seed, buckets=buckets)
        if magic != _MAGIC or len(sums) != buckets * _WIDTH or mark != digests._mark():
            raise ValueError("not the state of digests of this comparison")
        digests._sums = [
            int.from_bytes(sums[at : at + _WIDTH], "big") for at in range(0, len(sums), _WIDTH)
        ]
        digests.added, digests.subtracted = added, subtracted
        return digests

    def _mark(self) -> bytes:
        names = "\0".join(self._key_names).encode()
        return blake2b(names, key=self._seed, digest_size=16).digest()

    def _take(self, items: Sequence[Item], sign: int) -> None:
        sums, names, seed = self._sums, self._key_names, self._seed
        buckets = len(sums)
        for item in items:
            text, key = canonical_and_key(item, names)
            digest = blake2b(text, key=seed, digest_size=_WIDTH).digest()
            sums[zlib.crc32(key) % buckets] += sign * int.from_bytes(digest, "big")
