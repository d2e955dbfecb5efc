"""CreateTable, UpdateTable, DeleteTable and ListTables."""

from hashlib import blake2b

from tests.standin import schema, streams, tags
from tests.standin.describe import description, stream_fields
from tests.standin.errors import SCHEMA_AGREEMENT, ApiError, internal, validation
from tests.standin.state import Table
from tests.standin.store import Call
from tests.standin.values import Item

REFUSED_UPDATES = ("ProvisionedThroughput", "ReplicaUpdates", "SSESpecification")
OLD_REFUSED_UPDATES = ("AttributeDefinitions", "GlobalSecondaryIndexUpdates", *REFUSED_UPDATES)


def create_table(call: Call) -> Item:
    """CreateTable: ACTIVE at once; answers the request echoed, without an ARN."""
    table = _new_table(call)
    if table.name in call.store.tables:
        raise ApiError("ResourceInUseException", f"Table {table.name} already exists")
    call.store.tables[table.name] = table
    if call.fails_as("schema_500"):
        raise internal(SCHEMA_AGREEMENT)
    return {"TableDescription": _echo(call, table)}


def _new_table(call: Call) -> Table:
    body, dialect = call.body, call.dialect
    name = schema.new_table_name(body, dialect)
    defined = schema.definitions(body)
    keys = schema.key_columns(body, defined)
    mode, throughput = schema.billing(body, dialect)
    indexes = schema.indexes(body, name, keys, defined)
    if dialect.spurious_definitions_refused:
        used = {column.name for index in indexes for column in index.columns}
        schema.check_all_used(defined, used | {column.name for column in keys})
    schema.check_encryption(body)
    table = Table(
        name,
        keys[0],
        keys[1] if len(keys) == 2 else None,
        defined,
        {index.name: index for index in indexes},
        mode,
        throughput,
        round(call.store.clock(), 3),
        tags.add({}, body.get("Tags") or [], dialect),
    )
    if schema.stream_wanted(body):
        table.stream = streams.new_stream(call, table)
    table.tags |= _internal_tags(call, table)
    return table


def _internal_tags(call: Call, table: Table) -> dict[str, str]:
    if not call.dialect.internal_tags_hidden:
        return {}
    kept = {"system:table_creation_time": str(int(table.created * 1000))}
    if table.billing == "PROVISIONED":
        read, write = table.throughput
        kept |= {"system:provisioned_rcu": str(read), "system:provisioned_wcu": str(write)}
    return kept


def _echo(call: Call, table: Table) -> Item:
    extra = {"CreationDateTime": table.created, "TableStatus": "ACTIVE", "TableId": table.id}
    return call.body | extra | stream_fields(table.stream)


def update_table(call: Call) -> Item:
    """UpdateTable: one GSI made or dropped, streams on or off; refuses most of the rest."""
    body = call.body
    for name in REFUSED_UPDATES if call.dialect.gsi_by_update else OLD_REFUSED_UPDATES:
        if name in body:
            raise validation(f"{name} not supported")
    if "BillingMode" in body:
        schema.billing(body, call.dialect)
    table = call.table()
    wanted, updates = schema.stream_wanted(body), body.get("GlobalSecondaryIndexUpdates") or []
    if "BillingMode" not in body and wanted is None and not updates:
        raise validation(
            "UpdateTable requires one of GlobalSecondaryIndexUpdates, VectorIndexUpdates, "
            "StreamSpecification or BillingMode to be specified"
        )
    if len(updates) > 1:
        text = "GlobalSecondaryIndexUpdates only allows one index creation or deletion"
        raise ApiError("LimitExceededException", text)
    for update in updates:
        [(action, index)] = update.items()
        _update_index(call, table, action, index)
    if wanted is not None:
        _update_stream(call, table, wanted)
    if call.fails_as("schema_500"):
        raise internal(SCHEMA_AGREEMENT)
    return {"TableDescription": _echo(call, table)}


def _update_index(call: Call, table: Table, action: str, body: Item) -> None:
    name = body["IndexName"]
    index = table.indexes.get(name)
    if action == "Delete":
        if index is None or index.local:
            text = f"No GSI {name} in table {table.name}"
            raise ApiError("ResourceNotFoundException", text)
        del table.indexes[name]
    elif action == "Create":
        if index and index.local:
            raise validation(
                f"LSI {name} already exists in table {table.name}, can't use same name for GSI"
            )
        if index:
            raise validation(f"GSI {name} already exists in table {table.name}")
        _create_index(call, table, body)
    else:
        raise validation(f"GlobalSecondaryIndexUpdates {action} not yet supported")


def _create_index(call: Call, table: Table, body: Item) -> None:
    if "AttributeDefinitions" not in call.body:
        raise validation("GlobalSecondaryIndexUpdates Create needs AttributeDefinitions")
    defined = schema.definitions(call.body)
    index = schema.global_index(body, table.name, table.columns, defined)
    schema.check_all_used(defined, {column.name for column in index.columns})
    index.by_update = True
    index.building = call.store.settings.backfill_polls
    table.definitions |= defined
    table.indexes[index.name] = index


def _update_stream(call: Call, table: Table, wanted: bool) -> None:
    enabled = table.stream is not None and table.stream.enabled
    if wanted and enabled:
        raise validation(f"Table already has an enabled stream: TableName: {table.name}")
    if wanted:
        table.stream = streams.new_stream(call, table)
    elif table.stream is None or not enabled:
        raise validation(f"Table has no stream to disable: TableName: {table.name}")
    elif call.dialect.disabled_stream_kept:
        table.stream.enabled = False
    else:
        table.stream = None


def delete_table(call: Call) -> Item:
    """DeleteTable: gone when this answers."""
    table = call.table()
    del call.store.tables[table.name]
    shown = description(call, table) if call.dialect.deleted_is_described else {}
    short = {"TableName": table.name, "TableArn": table.arn, "TableId": table.id}
    return {"TableDescription": shown | short | {"TableStatus": "DELETING"}}


def list_tables(call: Call) -> Item:
    """ListTables in hash order; after a name that is no table the page is empty. Old versions
    list the logs of streams as well."""
    limit = call.body.get("Limit", 100)
    if not 1 <= limit <= 100:
        raise validation("Limit must be greater than 0 and no greater than 100")
    listed = list(call.store.tables)
    if call.dialect.logs_are_listed:
        tables = call.store.tables.values()
        listed += [f"{table.name}_scylla_cdc_log" for table in tables if table.stream]
    names = sorted(listed, key=lambda name: blake2b(name.encode()).digest())
    after = call.body.get("ExclusiveStartTableName")
    if after is not None:
        names = names[names.index(after) + 1 :] if after in names else []
    answer: Item = {"TableNames": names[:limit]}
    if len(names) > limit:
        answer["LastEvaluatedTableName"] = names[limit - 1]
    return answer
