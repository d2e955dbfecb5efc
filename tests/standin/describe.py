"""What DescribeTable says of a table."""

from tests.standin.changelog import Stream
from tests.standin.state import Index, Table
from tests.standin.store import Call
from tests.standin.values import Column, Item


def describe_table(call: Call) -> Item:
    """DescribeTable; a GSI made by UpdateTable says CREATING for the first few times."""
    table = call.table()
    answer = {"Table": description(call, table)}
    for index in table.indexes.values():
        index.building = max(0, index.building - 1)
    return answer


def description(call: Call, table: Table) -> Item:
    """The Table member: no ItemCount, no index sizes, definitions in another order."""
    dialect = call.dialect
    shown: Item = {
        "TableName": table.name,
        "CreationDateTime": table.created if dialect.creation_time_kept else _now(call),
        "TableStatus": "ACTIVE",
        "TableArn": table.arn,
        "TableId": table.id,
    }
    if dialect.table_size_shown:
        shown["TableSizeBytes"] = 0
    shown |= _billing(table, float(shown["CreationDateTime"]), dialect.throughput_shown)
    columns = list(table.columns)
    shown["KeySchema"] = key_schema(table.columns)
    shown |= _indexes(call, table, columns)
    names = sorted({column.name for column in columns}, reverse=True)
    shown["AttributeDefinitions"] = [
        {"AttributeName": name, "AttributeType": table.definitions[name]} for name in names
    ]
    return shown | stream_fields(table.stream)


def _now(call: Call) -> float:
    return float(int(call.store.clock()))


def _billing(table: Table, created: float, shown: bool) -> Item:
    mode, (read, write) = table.billing, table.throughput
    if not shown:
        mode, read, write = "PAY_PER_REQUEST", 0, 0
    return {
        "BillingModeSummary": {"BillingMode": mode, "LastUpdateToPayPerRequestDateTime": created},
        "ProvisionedThroughput": {
            "ReadCapacityUnits": read,
            "WriteCapacityUnits": write,
            "NumberOfDecreasesToday": 0,
        },
    }


def key_schema(columns: list[Column]) -> list[Item]:
    """Columns as KeySchema."""
    kinds = ("HASH", "RANGE")
    return [
        {"AttributeName": column.name, "KeyType": kind}
        for column, kind in zip(columns, kinds, strict=False)
    ]


def _indexes(call: Call, table: Table, columns: list[Column]) -> Item:
    shown: Item = {}
    for index in table.indexes.values():
        keys = _shown_keys(call, table, index)
        columns += keys
        one: Item = {
            "IndexName": index.name,
            "IndexArn": f"{table.arn}/index/{index.name}",
            "KeySchema": key_schema(keys),
            "Projection": {"ProjectionType": "ALL"},
        }
        if not index.local:
            one["IndexStatus"] = "CREATING" if index.building else "ACTIVE"
            one |= {"Backfilling": True} if index.building else {}
        kind = "LocalSecondaryIndexes" if index.local else "GlobalSecondaryIndexes"
        shown.setdefault(kind, []).append(one)
    return shown


def _shown_keys(call: Call, table: Table, index: Index) -> list[Column]:
    """A hash-only GSI may show a base key as its RANGE key, though none was asked for."""
    keys = list(index.columns)
    if len(keys) == 1 and (call.dialect.hash_only_gsi_shows_range or index.by_update):
        keys += [column for column in table.columns if column not in keys][:1]
    return keys


def stream_fields(stream: Stream | None) -> Item:
    """What a stream adds to a description, a disabled one too while it is kept."""
    if stream is None:
        return {}
    return {
        "LatestStreamArn": stream.arn,
        "LatestStreamLabel": stream.label,
        "StreamSpecification": {"StreamEnabled": stream.enabled, "StreamViewType": stream.view},
    }
