"""Look-ups of a source whose items a function changes: by the target's keys."""

from collections.abc import Mapping, Sequence

from alternator_migrate.connectors.transform.shaping import Shaping
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Item
from alternator_migrate.core.ports import Lookup
from alternator_migrate.dynamodb.items import rekeyed
from alternator_migrate.dynamodb.values import canonical_key

NO_WAY_BACK = (
    "Define `source_key(key)` beside it: it gets a key of the target (in the source's names), and "
    "returns the key, or keys, of the source items that may have made it."
)


class TransformedLookup:
    """Looks items up on a source, and makes of them what the target is to have.

    `lookup` takes keys in the source's names, `names` maps the target's names to these. What was
    made of a source item counts only where its key was asked for.
    """

    def __init__(self, lookup: Lookup, shaping: Shaping, names: Mapping[str, str]) -> None:
        assert shaping.transform  # noqa: S101 # called where there is one
        self._lookup, self._shaping, self._transform = lookup, shaping, shaping.transform
        self._names, self._keys = names, tuple(names)

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        """What the source's items make of those `keys` that are there, in any order. Raises
        `MigrateError`, also where the function refuses an item, or gives items other keys and has
        no way back."""
        self._check_way_back()
        asked = {canonical_key(key, self._keys) for key in keys}
        found: list[Item] = []
        for item in await self._lookup.get(self._sources(keys)):
            made = self._shaping.made_of(item)
            if made.reject:
                raise MigrateError(
                    f"an item that is on the target cannot be compared: {made.reject.message}",
                    "Mend the function or the item, then validate again.",
                )
            renamed = (self._shaping.renamed(each.item) for each in made.items)
            found += [each for each in renamed if canonical_key(each, self._keys) in asked]
        self._check_way_back()
        return found

    def _sources(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        """The source's keys to ask for, each once."""
        own = tuple(self._transform.keys)
        sources: dict[bytes, bytes] = {}
        for key in keys:
            named = rekeyed(key, self._names)
            try:
                back = self._transform.source_keys_of(named)
            except ValueError as error:
                raise MigrateError(f"a key cannot be looked up: {error}") from error
            for each in [named] if back is None else back:
                sources.setdefault(canonical_key(each, own), each)
        return [*sources.values()]

    def _check_way_back(self) -> None:
        if self._transform.has_moved and self._transform.functions.source_key is None:
            raise MigrateError(
                f"transform {self._transform.functions.name} gives items other keys than their "
                "own, so what differs cannot be looked up on the source",
                NO_WAY_BACK,
            )
