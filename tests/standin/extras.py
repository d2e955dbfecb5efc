"""Tags, TTL, endpoints and backups: the small operations on a table."""

from decimal import Decimal

from tests.standin import tags
from tests.standin.errors import validation
from tests.standin.state import TTL_TAG, Table, Write
from tests.standin.store import BY_TTL, Call, Store
from tests.standin.values import Item

FIVE_YEARS = 5 * 31_556_952
"""Seconds, as C++'s std::chrono::years counts them."""


def tag_resource(call: Call) -> None:
    """TagResource: 200 with nothing to say."""
    table = tags.of_arn(call.store.tables, call.body.get("ResourceArn"), call.dialect)
    asked = call.body.get("Tags")
    if not isinstance(asked, list):
        raise validation("Cannot parse tags")
    if not asked:
        raise validation("The number of tags must be at least 1")
    table.tags = tags.add(table.tags, asked, call.dialect)


def untag_resource(call: Call) -> None:
    """UntagResource: 200 with nothing to say."""
    keys = call.body.get("TagKeys")
    if not isinstance(keys, list):
        raise validation("Cannot parse tag keys")
    table = tags.of_arn(call.store.tables, call.body.get("ResourceArn"), call.dialect)
    table.tags = tags.remove(table.tags, keys, call.dialect)


def list_tags(call: Call) -> Item:
    """ListTagsOfResource, never in pages."""
    table = tags.of_arn(call.store.tables, call.body.get("ResourceArn"), call.dialect)
    return {"Tags": tags.listed(table.tags, call.dialect)}


def update_ttl(call: Call) -> Item:
    """UpdateTimeToLive: takes effect at once."""
    table = call.table()
    wanted = call.body.get("TimeToLiveSpecification")
    if not isinstance(wanted, dict):
        raise validation("UpdateTimeToLive missing mandatory TimeToLiveSpecification")
    enabled, name = wanted.get("Enabled"), wanted.get("AttributeName")
    if not isinstance(enabled, bool):
        raise validation("UpdateTimeToLive requires boolean Enabled")
    if not isinstance(name, str):
        raise validation("UpdateTimeToLive requires string AttributeName")
    if not 1 <= len(name.encode()) <= 255:
        raise validation("The length of AttributeName must be between 1 and 255")
    if enabled:
        _enable_ttl(table, name)
    else:
        _disable_ttl(table, name)
    return {"TimeToLiveSpecification": wanted}


def _enable_ttl(table: Table, name: str) -> None:
    if table.ttl is not None:
        raise validation("TTL is already enabled")
    table.tags[TTL_TAG] = name


def _disable_ttl(table: Table, name: str) -> None:
    if table.ttl is None:
        raise validation("TTL is already disabled")
    if table.ttl != name:
        raise validation(
            f"Requested to disable TTL on attribute {name}, but a different attribute "
            f"{table.ttl} is enabled."
        )
    del table.tags[TTL_TAG]


def describe_ttl(call: Call) -> Item:
    """DescribeTimeToLive: ENABLED or DISABLED, nothing between."""
    name = call.table().ttl
    if name is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": name}}


def expire(store: Store) -> int:
    """One sweep of the expiry scanner: deletes what is due, and returns how many items."""
    return sum(_expire_table(store, table) for table in store.tables.values())


def _expire_table(store: Store, table: Table) -> int:
    if table.ttl is None:
        return 0
    now = int(store.clock())
    due = [key for key, row in table.rows.items() if _expired(row.item.get(table.ttl), now)]
    for key in due:
        write = Write(table, key, None, (b"", b""))
        store.write(write, store.stamp(0), arrival_order=True, operation=BY_TTL)
    return len(due)


def _expired(value: Item | None, now: int) -> bool:
    """Only a top-level N in epoch seconds, not more than five years ago, expires an item."""
    if not value or "N" not in value:
        return False
    return now - FIVE_YEARS < int(Decimal(value["N"])) <= now


def describe_endpoints(call: Call) -> Item:
    """DescribeEndpoints: the Host the client asked for."""
    return {"Endpoints": [{"Address": call.host, "CachePeriodInMinutes": 1440}]}


def describe_continuous_backups(call: Call) -> Item:
    """DescribeContinuousBackups: never enabled."""
    call.table()
    point_in_time = {"PointInTimeRecoveryStatus": "DISABLED"}
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "DISABLED",
            "PointInTimeRecoveryDescription": point_in_time,
        }
    }
