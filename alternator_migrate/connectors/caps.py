"""The caps of a migration: what the configuration gives, or a share of the table's own capacity."""

from alternator_migrate.config import Settings
from alternator_migrate.connectors.inspect import Inspection
from alternator_migrate.connectors.services import Services


def read_cap(
    settings: Settings, found: Inspection, services: Services, *, own: bool
) -> float | None:
    """The cap of reading one table of AWS's `own`, or of another server, units a second. Among many
    it keeps its share of a provisioned table's units besides what all together may read."""
    given, spec = settings.source.read_throughput, found.source.spec
    share = None
    if spec.throughput and own:
        share = spec.throughput.read * settings.source.throughput_read_percent
    return _cap(given, share, services.settings.source.read_throughput if services.shared else None)


def write_cap(settings: Settings, found: Inspection, services: Services) -> float | None:
    """The cap of writing one table, in the way of `read_cap`."""
    given = settings.target.write_throughput
    spec = found.existing.spec if found.existing else found.plan.spec
    share = None
    if spec.throughput and services.target.own:
        share = spec.throughput.write * settings.target.throughput_write_percent
    of_all = services.settings.target.write_throughput if services.shared else None
    return _cap(given, share, of_all)


def follows_capacity(given: float | None, of_all: float | None) -> bool:
    """Whether the cap of a table follows from its own capacity: none was `given` for it alone, as
    that of all tables of a run is for each."""
    return given in (None, of_all)


def at_most(cap: float | None, of_all: float | None) -> float | None:
    """The cap of one table, None for none, within that of all tables of a run."""
    return cap if of_all is None else min(cap or of_all, of_all)


def _cap(given: float | None, share: float | None, of_all: float | None) -> float | None:
    """The cap that is given for a table, else its own share; never more than the cap of all."""
    if of_all is None:
        return given or share
    return at_most(share if follows_capacity(given, of_all) else given, of_all)
