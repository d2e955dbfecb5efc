"""Assembly of a validation from its settings and the open pair of tables."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from alternator_migrate.config import Settings
from alternator_migrate.connectors import (
    DynamoDBLookup,
    DynamoDBSource,
    Expiry,
    ExportSide,
    FinalExport,
    Pair,
    Selection,
    TransformedLookup,
    expiry_time,
    final_export,
    item_filter,
    matcher_of,
    reshaper_of,
    target_of,
    transformed,
    wanted,
)
from alternator_migrate.core.capacity import page_items, stretches
from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.gate import Gate
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import FIRST_READERS, DifferenceKind, Item, Role
from alternator_migrate.core.pace import Pace, part_of
from alternator_migrate.core.ports import FindingSink, Lookup, Source, ValidationKeeper
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.state import ValidationState
from alternator_migrate.core.steering import Caps, Steering, lower
from alternator_migrate.core.supervisor import Supervisor
from alternator_migrate.core.traffic import Traffic
from alternator_migrate.core.work import Engine
from alternator_migrate.dynamodb import items
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.savepoints import place_of
from alternator_migrate.snapshot import Readers
from alternator_migrate.validate.compare import ItemComparer, PairLookup
from alternator_migrate.validate.digests import Digests
from alternator_migrate.validate.equality import Equality
from alternator_migrate.validate.findings_file import FindingsFile
from alternator_migrate.validate.lookups import LOOKUPS, LookupPass
from alternator_migrate.validate.mode import ValidateOptions, mode_of, repairs
from alternator_migrate.validate.repair import Repair
from alternator_migrate.validate.sample import sampled_segments
from alternator_migrate.validate.stage import StageSide
from alternator_migrate.validate.stages import Stages
from alternator_migrate.validate.validation import Validation


def existing_target(pair: Pair) -> TableState:
    """The target table. Raises `UsageError` where there is none."""
    if pair.inspection.existing is None:
        raise UsageError(
            f"the target table {pair.inspection.plan.spec.name} does not exist",
            "Run the migration first: `alternator-migrate run`.",
        )
    return pair.inspection.existing


class ValidationSides:
    """Both sides as a validation reads them."""

    def __init__(
        self,
        settings: Settings,
        pair: Pair,
        now: int,
        gate: Gate | None = None,
        exported: FinalExport | None = None,
    ) -> None:
        self._settings, self._pair, self._now = settings, pair, now
        self._exported = exported
        found = pair.inspection
        self.source_keys = found.source.spec.key_names
        self.target_keys = found.plan.spec.key_names
        on_source, on_target = found.source.spec.ttl_attribute, found.plan.expires
        skips = settings.source.expired_items == "skip"
        self._expiry: dict[Role, Expiry | None] = {
            "source": Expiry.at(on_source, now) if on_source and skips else None,
            "target": Expiry.at(on_target, now) if on_target and skips else None,
        }
        self.expired = _expired(on_target) if on_target else None
        gate = gate or Gate()
        self.retry = exported.retry if exported else _retry(settings, gate)
        reading, self.writing = pair.paces(gate, lambda: found.source.size, reads=gate.writing)
        self.paces: dict[Role, Pace] = {
            "source": reading,
            "target": Pace(_target_cap(settings, pair), valve=gate.writing),
        }
        self._caps = {role: pace.cap for role, pace in self.paces.items()}
        self._limiter = Limiter(LOOKUPS)
        self.most_readers = most = max(1, pair.concurrency.readers // 2)
        sizes: dict[Role, int] = {
            "source": found.source.size,
            "target": existing_target(pair).size,
        }
        self.readers: dict[Role, Readers] = {
            role: Readers(Limiter(most, start=FIRST_READERS // 2), stretches(size))
            for role, size in sizes.items()
        }
        self._target = target_of(settings, pair, self.retry, self.writing)

    def allow(self, share: float, asked: Caps) -> None:
        """Let a share of each limit, and of what is `asked` for besides, be what may be used from
        now on."""
        for role, pace in self.paces.items():
            pace.allow(part_of(self._caps[role], share))
        self.writing.allow(part_of(self._pair.write_cap, share))
        self.ask(asked, share)

    def ask(self, asked: Caps, share: float = 1.0) -> None:
        """Keep to a share of the limits that are `asked` for besides those of the settings."""
        self.paces["source"].ask(part_of(asked.read, share))
        most = lower(self.most_readers, asked.readers) or 1
        for each in self.readers.values():
            each.limiter.allow(most)
        self.writing.ask(part_of(asked.write, share))

    def details(
        self,
        findings: FindingSink,
        validated: ValidationCounts,
        *,
        repairs: Collection[DifferenceKind],
        values: bool,
    ) -> LookupPass:
        """A pass that looks items up one by one, and repairs the kinds of differences in
        `repairs`."""
        comparer = self._comparer()
        pair_lookup = self._pair_lookup(comparer)
        repairer = Repair(pair_lookup, self._target, repairs) if repairs else None
        return LookupPass(
            comparer,
            pair_lookup,
            findings,
            repairer,
            pauses=self._settings.validation.recheck_seconds,
            now=self._now,
            validated=validated,
            values=values,
            limiter=self._limiter,
        )

    def deleting(self) -> Repair:
        """A repair that does nothing but delete what is extra."""
        return Repair(self._pair_lookup(self._comparer()), self._target, {"extra"})

    def _comparer(self) -> ItemComparer:
        return ItemComparer(
            Equality(self._settings.validation.floating_point_tolerance),
            self.target_keys,
            expired=self.expired,
            skipping=self._settings.source.expired_items == "skip",
        )

    def _pair_lookup(self, comparer: ItemComparer) -> PairLookup:
        target = self.lookup("target")
        clock = partial(expiry_time, self._pair.source, self._pair.target)
        if self._exported:
            return PairLookup(self._exported, target, comparer, clock)
        matching = matcher_of(self._settings)
        unfiltered = self.lookup("source", self.source_keys) if matching else None
        source = self.lookup("source", matching=matching)
        return PairLookup(source, target, comparer, clock, unfiltered)

    def stage_sides(self, share: float) -> dict[Role, StageSide]:
        """The readers of each side; `share` of the items are expected."""
        count = self._pair.inspection.source.items
        there = existing_target(self._pair).items or count
        source = self._exported or self._scan("source")
        return {
            "source": StageSide(source, source, self.lookup("target"), int(count * share)),
            "target": StageSide(
                self._scan("target"),
                self._scan("target", only=self.target_keys),
                self._exported or self.lookup("source", self.source_keys),
                int(there * share),
            ),
        }

    def lookup(
        self,
        role: Role,
        only: tuple[str, ...] = (),
        matching: Callable[[Item], bool] | None = None,
    ) -> Lookup:
        """Look-ups by the target's keys of items that bear the target's names, those that are
        `matching` as they are on this side. A transform needs all of an item, whatever is asked
        for."""
        is_source = role == "source"
        own = self.source_keys if is_source else self.target_keys
        service = self._pair.live if is_source else self._pair.target
        shaping = self._pair.shaping if is_source else None
        transform = shaping.transform if shaping else None
        if transform:
            own = tuple(transform.target_keys)
        names = dict(zip(self.target_keys, own, strict=True))
        lookup = DynamoDBLookup(
            DynamoDBClient(service.http, self.retry, self.paces[role]),
            service.table.name,
            names={} if transform else names,
            shaping=None if transform else shaping,
            only=() if transform else only,
            wanted=matching,
            ask_capacity=self.paces[role].cap is not None and not service.options,
        )
        return TransformedLookup(lookup, shaping, names) if shaping and transform else lookup

    def _scan(self, role: Role, only: tuple[str, ...] = ()) -> Source:
        is_source = role == "source"
        service = self._pair.live if is_source else self._pair.target
        state = self._pair.inspection.source if is_source else existing_target(self._pair)
        cap = self.paces[role].cap
        consistent = self._settings.source.consistent_read or not is_source
        shaping = self._pair.shaping if is_source else None
        scan = DynamoDBSource(
            DynamoDBClient(service.http, self.retry, self.paces[role]),
            service.table.name,
            selection=Selection(
                item_filter(self._settings, service) if is_source else None,
                wanted(self._settings, service) if is_source else None,
                self._expiry[role],
            ),
            consistent=consistent,
            page_items=page_items(cap, state.items, state.size, consistent=consistent),
            ask_capacity=cap is not None and not service.options,
            only=only,
            reshape=reshaper_of(shaping),
        )
        return transformed(scan, shaping, self.target_keys)


def _expired(attribute: str) -> Callable[[Item, float], bool]:
    def expired(item: Item, now: float) -> bool:
        rule = Expiry.at(attribute, now)
        return items.expired(attribute, after=rule.after, before=rule.before)(item)

    return expired


def _target_cap(settings: Settings, pair: Pair) -> float | None:
    """Read units per second of a provisioned target on AWS, at the share that it is written at."""
    provisioned = existing_target(pair).spec.throughput
    if provisioned and pair.target.own:
        return provisioned.read * settings.target.throughput_write_percent
    return None


def build_validation(
    settings: Settings,
    pair: Pair,
    options: ValidateOptions,
    begun: ValidationState,
    keeper: ValidationKeeper,
    engine: Engine,
    steering: Steering,
    exported: FinalExport | None = None,
) -> tuple[Validation, FindingsFile]:
    """A validation that goes on from `begun` on an engine, steered from outside, and the file that
    will hold its findings; the source is `exported` where it is read from exports."""
    sides = ValidationSides(settings, pair, begun.now, steering.gate, exported)
    allowed = Caps(pair.read_cap, pair.write_cap, sides.most_readers)
    steering.begin(lambda: allowed, sides.ask)
    findings = FindingsFile(place_of(settings).at_hand(begun.findings), begun.findings_size)
    details = sides.details(
        findings,
        replace(begun.validated, compared=0),
        repairs=repairs(settings, options),
        values=options.show_values,
    )
    found = pair.inspection
    share = begun.sampled / begun.segments if begun.sampled else 1.0
    stages = Stages(
        *(sides.stage_sides(share), [*sampled_segments(begun)], begun),
        *(_digests(begun, sides.target_keys), details, findings),
        engine=engine,
        readers=sides.readers,
        clock=steering.gate.clock,
    )
    beside = [] if pair.shared else [each.watch for each in (pair.source, pair.target)]
    interval = settings.savepoints.interval_seconds
    validation = Validation(
        (found.source.spec.name, found.plan.spec.name),
        stages,
        engine=engine,
        traffic=Traffic(sides.retry, sides.paces, pair.figures),
        keeper=keeper,
        supervisor=Supervisor(beside, interval, steering.gate),
        gate=steering.gate,
        prepare=exported.prepare if exported else None,
    )
    return validation, findings


def exported_source(settings: Settings, pair: Pair, now: int, gate: Gate) -> FinalExport | None:
    """The source where it is read from exports, None where it is a table. Raises `UsageError` for
    exports that are no whole table."""
    if not isinstance(pair.source, ExportSide):
        return None
    attribute = pair.inspection.source.spec.ttl_attribute
    skips = settings.source.expired_items == "skip"
    expiry = Expiry.at(attribute, now) if attribute and skips else None
    return final_export(settings, pair, pair.source, expiry, _retry(settings, gate))


def _retry(settings: Settings, gate: Gate) -> Retry:
    return Retry(settings.retry_budget_seconds, clock=gate.clock)


def _digests(begun: ValidationState, key_names: tuple[str, ...]) -> Digests | None:
    if mode_of(begun) == "lookup":
        return None
    seed = bytes.fromhex(begun.seed)
    if not begun.digests:
        return Digests(key_names, seed=seed)
    try:
        return Digests.from_state(begun.digests, key_names, seed=seed)
    except ValueError as error:
        raise UsageError(
            f"the savepoint of the validation cannot be gone on from: {error}",
            "Pass --fresh to begin anew.",
        ) from error
