"""Every operation that Alternator has; all others are UnknownOperationException."""

from collections.abc import Callable

from tests.standin import batches, describe, extras, items, reads, streams, tables
from tests.standin.errors import ApiError
from tests.standin.store import Call
from tests.standin.values import Item

OPERATIONS: dict[str, Callable[[Call], Item | None]] = {
    "CreateTable": tables.create_table,
    "DescribeTable": describe.describe_table,
    "DeleteTable": tables.delete_table,
    "UpdateTable": tables.update_table,
    "ListTables": tables.list_tables,
    "PutItem": items.put_item,
    "UpdateItem": items.update_item,
    "GetItem": items.get_item,
    "DeleteItem": items.delete_item,
    "BatchWriteItem": batches.batch_write,
    "BatchGetItem": reads.batch_get,
    "Scan": reads.scan,
    "Query": reads.query,
    "DescribeEndpoints": extras.describe_endpoints,
    "DescribeContinuousBackups": extras.describe_continuous_backups,
    "TagResource": extras.tag_resource,
    "UntagResource": extras.untag_resource,
    "ListTagsOfResource": extras.list_tags,
    "UpdateTimeToLive": extras.update_ttl,
    "DescribeTimeToLive": extras.describe_ttl,
    "ListStreams": streams.list_streams,
    "DescribeStream": streams.describe_stream,
    "GetShardIterator": streams.get_shard_iterator,
    "GetRecords": streams.get_records,
}


def operation(name: str) -> Callable[[Call], Item | None]:
    """What answers the operation, or UnknownOperationException."""
    found = OPERATIONS.get(name)
    if found is None:
        raise ApiError("UnknownOperationException", f"Unsupported operation {name}")
    return found
