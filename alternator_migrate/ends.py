"""Joinery of both ends of a comparison: how they are read, looked up and mended."""

from collections.abc import Callable, Collection

from alternator_migrate import wire
from alternator_migrate.concurrency import Limiter
from alternator_migrate.config import Settings
from alternator_migrate.description import TableState
from alternator_migrate.equality import Equality
from alternator_migrate.errors import UsageError
from alternator_migrate.interfaces import FindingSink
from alternator_migrate.judging import Judge
from alternator_migrate.looking import Looks
from alternator_migrate.mending import Repair
from alternator_migrate.model import Difference, Item, Role, Verdict
from alternator_migrate.pacing import Pace, Retry, part_of
from alternator_migrate.sources.dynamodb import DynamoDBSource, Expiry
from alternator_migrate.sources.lookup import DynamoDBLookup
from alternator_migrate.stages import Side
from alternator_migrate.validate import LOOKUPS, Details
from alternator_migrate.wiring import Sides, item_filter, page_items, target_of, wanted


def existing_target(sides: Sides) -> TableState:
    """The target table. Raises `UsageError` where there is none."""
    if sides.findings.existing is None:
        raise UsageError(
            f"the target table {sides.findings.plan.spec.name} does not exist",
            "Run the migration first: `alternator-migrate run`.",
        )
    return sides.findings.existing


def readers(sides: Sides) -> int:
    """How many segments of each side are read at once."""
    return max(1, sides.crew.readers // 2)


class Ends:
    """Both sides as a validation reads them."""

    def __init__(self, settings: Settings, sides: Sides, now: int) -> None:
        self._settings, self._open, self._now = settings, sides, now
        found = sides.findings
        renames = {rename.from_: rename.to for rename in settings.renames}
        self._rename = wire.renamer(renames) if renames else None
        self.source_keys = found.source.spec.key_names
        self.target_keys = found.plan.spec.key_names
        on_source, on_target = found.source.spec.ttl_attribute, found.plan.expires
        skips = settings.source.expired_items == "skip"
        self._expiry: dict[Role, Expiry | None] = {
            "source": Expiry.at(on_source, now) if on_source and skips else None,
            "target": Expiry.at(on_target, now) if on_target and skips else None,
        }
        self.expired = _expired(on_target) if on_target else None
        self.retry = Retry(settings.retry_budget_seconds)
        self.paces: dict[Role, Pace] = {
            "source": Pace(sides.read_cap),
            "target": Pace(_target_cap(settings, sides)),
        }
        self.writing = Pace(sides.write_cap)
        self._caps = {role: pace.cap for role, pace in self.paces.items()}
        self._limiter = Limiter(LOOKUPS)
        self._target = target_of(settings, sides, self.retry, self.writing)

    def allow(self, share: float) -> None:
        """Let a share of each limit be what may be used from now on."""
        for role, pace in self.paces.items():
            pace.allow(part_of(self._caps[role], share))
        self.writing.allow(part_of(self._open.write_cap, share))

    def details(
        self,
        findings: FindingSink,
        verdict: Verdict,
        *,
        mends: Collection[Difference],
        values: bool,
    ) -> Details:
        """What looks items up one by one, and repairs what is of a kind that it `mends`."""
        judge = Judge(
            Equality(self._settings.validation.floating_point_tolerance),
            self.target_keys,
            expired=self.expired,
            skipping=self._settings.source.expired_items == "skip",
        )
        looks = Looks(self.lookup("source"), self.lookup("target"), judge)
        mender = Repair(looks, self._target, mends) if mends else None
        return Details(
            judge,
            looks,
            findings,
            mender,
            pauses=self._settings.validation.recheck_seconds,
            now=self._now,
            verdict=verdict,
            values=values,
            limiter=self._limiter,
        )

    def sides(self, share: float) -> dict[Role, Side]:
        """What is gone through on each side; `share` of the items are expected."""
        count = self._open.findings.source.items
        there = existing_target(self._open).items or count
        source = self._scan("source")
        return {
            "source": Side(source, source, self.lookup("target"), int(count * share)),
            "target": Side(
                self._scan("target"),
                self._scan("target", only=self.target_keys),
                self.lookup("source", only=self.source_keys),
                int(there * share),
            ),
        }

    def lookup(self, role: Role, only: tuple[str, ...] = ()) -> DynamoDBLookup:
        """Look-ups by the target's keys of items that bear the target's names."""
        is_source = role == "source"
        own = self.source_keys if is_source else self.target_keys
        service = self._open.source if is_source else self._open.target
        return DynamoDBLookup(
            service.lane,
            service.table.name,
            self.retry,
            self.paces[role],
            names=dict(zip(self.target_keys, own, strict=True)),
            rename=self._rename if is_source else None,
            only=only,
            ask_capacity=self.paces[role].cap is not None and not service.options,
        )

    def _scan(self, role: Role, only: tuple[str, ...] = ()) -> DynamoDBSource:
        is_source = role == "source"
        service = self._open.source if is_source else self._open.target
        state = self._open.findings.source if is_source else existing_target(self._open)
        cap = self.paces[role].cap
        return DynamoDBSource(
            service.lane,
            service.table.name,
            self.retry,
            self.paces[role],
            item_filter=item_filter(self._settings, service) if is_source else None,
            wanted=wanted(self._settings, service) if is_source else None,
            expiry=self._expiry[role],
            consistent=self._settings.source.consistent_read if is_source else True,
            page_items=page_items(cap, state),
            ask_capacity=cap is not None and not service.options,
            rename=self._rename if is_source else None,
            only=only,
        )


def _expired(attribute: str) -> Callable[[Item, float], bool]:
    def expired(item: Item, now: float) -> bool:
        rule = Expiry.at(attribute, now)
        return wire.expired(attribute, after=rule.after, before=rule.before)(item)

    return expired


def _target_cap(settings: Settings, sides: Sides) -> float | None:
    """Read units per second of a provisioned target on AWS, at the share that it is written at."""
    provisioned = existing_target(sides).spec.throughput
    if provisioned and sides.target.own:
        return provisioned.read * settings.target.throughput_write_percent
    return None
