"""Tables of ScyllaDB's own, which Scan and Query read by names of their own, and nothing else."""

from tests.standin.schema import INTERNAL, table_name
from tests.standin.state import Table, Write
from tests.standin.store import Call, Settings
from tests.standin.values import Column, Item

LOCAL = f"{INTERNAL}system.scylla_local"
CONFIG = f"{INTERNAL}system.config"


def table(call: Call) -> Table:
    """The table that TableName names, be it one of the server's own."""
    settings = call.store.settings
    name = table_name(call.body)
    if name == LOCAL:
        return _filled(call, name, "key", _features(settings))
    if name == CONFIG:
        return _filled(call, name, "name", _option(settings))
    return call.table()


def _filled(call: Call, name: str, key: str, item: Item) -> Table:
    made = Table(name, Column(key, "S"), None, {}, {}, "PAY_PER_REQUEST", (0, 0), 0.0)
    place, same = made.locate(item, call.dialect)
    made.apply(Write(made, place, item, same), 0, arrival_order=False)
    return made


def _features(settings: Settings) -> Item:
    """What the cluster has enabled."""
    names = ["CDC", "LWT", *["ALTERNATOR_STREAMS"] * settings.streams]
    return {"key": {"S": "enabled_features"}, "value": {"S": ",".join(names)}}


def _option(settings: Settings) -> Item:
    """An option of the node, whose value is shown as JSON."""
    return {
        "name": {"S": "alternator_write_isolation"},
        "source": {"S": "config"},
        "type": {"S": "string"},
        "value": {"S": f'"{settings.write_isolation}"'},
    }
