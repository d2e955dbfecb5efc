"""Parallel Scan of a DynamoDB or Alternator table."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from alternator_migrate.core import capacity
from alternator_migrate.core.errors import (
    WRONG_SERVER,
    ItemsRefused,
    MigrateError,
    UsageError,
)
from alternator_migrate.core.model import Item, Page, Position, Segment
from alternator_migrate.core.retry import Turn
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.items import expired, key_of
from alternator_migrate.dynamodb.paging import LoopGuard
from alternator_migrate.dynamodb.reshaping import Reshaper

FIVE_YEARS: Final = 5 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class Filter:
    """A FilterExpression with its names and values, as the API has them."""

    expression: str
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of a Scan."""
        found: dict[str, object] = {"FilterExpression": self.expression}
        if self.names:
            found["ExpressionAttributeNames"] = self.names
        if self.values:
            found["ExpressionAttributeValues"] = self.values
        return found


@dataclass(frozen=True, slots=True)
class Expiry:
    """The rule of expired items: `attribute` is a number in [after, before), epoch seconds."""

    attribute: str
    after: int
    before: int

    @classmethod
    def at(cls, attribute: str, now: float) -> "Expiry":
        """In the past at `now`, but not more than five years: older values never expire."""
        return cls(attribute, int(now) - FIVE_YEARS, int(now))

    @property
    def test(self) -> Callable[[Item], bool]:
        """The rule as a test of items."""
        return expired(self.attribute, after=self.after, before=self.before)

    @property
    def matching(self) -> Filter:
        """The server-side form: items that are expired."""
        return Filter(
            "attribute_type(#am_ttl, :am_number) AND #am_ttl >= :am_after AND #am_ttl < :am_before",
            {"#am_ttl": self.attribute},
            {
                ":am_number": {"S": "N"},
                ":am_after": {"N": str(self.after)},
                ":am_before": {"N": str(self.before)},
            },
        )

    @property
    def sparing(self) -> Filter:
        """The server-side form: all other items, those without the attribute included."""
        return replace(self.matching, expression=f"NOT ({self.matching.expression})")


async def check_filter(client: DynamoDBClient, table: str, item_filter: Filter) -> None:
    """Let the server judge a user's filter, by a Scan of one item.

    Raises `UsageError` with the server's words where it refuses the filter.
    """
    try:
        await client.scan({"TableName": table, "Limit": 1, **item_filter.parameters})
    except ItemsRefused as error:
        raise UsageError(
            f"the source refuses source.filter: {error.words}",
            "Mend its expression, names or values.",
        ) from error


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items of a table are read.

    A user's filter is `item_filter` where the server applies it, and `wanted` where it is applied
    here, to whole pages. With either, expired items are left out here, too, because the server's
    counts would not tell the two apart; attributes that this needs must then be read.
    """

    item_filter: Filter | None = None
    wanted: Callable[[Item], bool] | None = None
    expiry: Expiry | None = None

    @property
    def server_skips(self) -> bool:
        """Whether what the server leaves out is what has expired."""
        return self.expiry is not None and self.item_filter is None and self.wanted is None

    @property
    def asked(self) -> Filter | None:
        """The filter that the server applies."""
        return self.expiry.sparing if self.expiry and self.server_skips else self.item_filter

    @property
    def is_expired(self) -> Callable[[Item], bool] | None:
        """The rule of expired items where it is applied here."""
        return self.expiry.test if self.expiry and not self.server_skips else None


class DynamoDBSource:
    """Pages of a table, read at the run's pace: of the items of a selection, or of attributes
    `only` of these, what `reshape` makes of them.

    With `key_names`, any item of a page is a place to go on after, unless it is renamed.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        selection: Selection | None = None,
        consistent: bool = False,
        page_items: int | None = None,
        ask_capacity: bool = False,
        key_names: Sequence[str] = (),
        only: Sequence[str] = (),
        reshape: Reshaper | None = None,
    ) -> None:
        self._client, cap = client, client.pace.cap
        self._expected_units = 1.0
        if cap:
            full = capacity.PAGE_BYTES / capacity.read_bytes(consistent=consistent)
            self._expected_units = min(full, cap) if page_items else full
        selection = selection or Selection()
        self._server_skips = selection.server_skips
        self._wanted, self._is_expired = selection.wanted, selection.is_expired
        has_places = key_names and not (reshape and reshape.renames)
        self._position_of = partial(key_of, names=key_names) if has_places else None
        is_choosing = self._wanted or self._is_expired
        self._reshape_first = None if is_choosing else reshape
        self._reshape_last = reshape if is_choosing else None
        self._request = _request(table, selection.asked, consistent, page_items, ask_capacity)
        if only:
            self._request |= wire.projection(only, self._request)

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment from `position` on. Raises `MigrateError`."""
        request = {**self._request, "Segment": segment.index, "TotalSegments": segment.total}
        guard = LoopGuard(position)
        while True:
            page, consumed = await self._client.scan(
                request,
                position,
                self._expected_units,
                filtered_are_skipped=self._server_skips,
                reshape=self._reshape_first,
                turn=turn,
            )
            self._expected_units += 0.2 * (consumed - self._expected_units)
            position = page.position
            if position is not None and guard.closes(position):
                raise MigrateError(
                    f"segment {segment.index} of {segment.total} goes round in a circle: the "
                    f"source answers a LastEvaluatedKey again ({position.decode()})",
                    WRONG_SERVER,
                )
            yield self._chosen(page)
            if position is None:
                return

    def _chosen(self, page: Page) -> Page:
        if self._wanted:
            matching = [item for item in page.items if self._wanted(item)]
            page = replace(page, items=matching, read=len(matching))
        if self._is_expired:
            kept = [item for item in page.items if not self._is_expired(item)]
            page = replace(page, items=kept, skipped=len(page.items) - len(kept))
        if self._reshape_last:
            page = replace(page, items=self._reshape_last.each(page.items))
        return replace(page, position_of=self._position_of) if self._position_of else page


def _request(
    table: str,
    item_filter: Filter | None,
    consistent: bool,
    page_items: int | None,
    ask_capacity: bool,
) -> dict[str, object]:
    request: dict[str, object] = {"TableName": table}
    if item_filter:
        request |= item_filter.parameters
    if consistent:
        request["ConsistentRead"] = True
    if page_items:
        request["Limit"] = page_items
    if ask_capacity:
        request["ReturnConsumedCapacity"] = "TOTAL"
    return request
