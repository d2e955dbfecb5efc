"""ConsumedCapacity computed from sizes, for servers that do not tell or tell nonsense.

A Scan or Query takes half a read unit per 4 KB of the items it answers, a whole one when
consistent; a BatchWriteItem takes a write unit per KB of each item it stored, and one per deletion.
Sizes are those of the compact JSON, which is a little more than DynamoDB counts.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

READS = {"Scan", "Query"}
READ_BYTES = 4096
WRITE_BYTES = 1024


def consumed(operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> Any:
    """Return what `answer` should hold as ConsumedCapacity; None when it was not asked for."""
    if request.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return None
    if operation in READS:
        units = math.ceil(_size(answer["Items"]) / READ_BYTES) * 0.5 or 0.5
        consistent = request.get("ConsistentRead", False)
        return _entry(request["TableName"], units * 2 if consistent else units)
    if operation == "BatchWriteItem":
        tried = _write_units(request["RequestItems"])
        tried.subtract(_write_units(answer.get("UnprocessedItems") or {}))
        return [_entry(table, float(units)) for table, units in tried.items()]
    return None


def _write_units(requests: Mapping[str, list[dict[str, Any]]]) -> Counter[str]:
    return Counter({table: sum(map(_units, writes)) for table, writes in requests.items()})


def _units(write: Mapping[str, Any]) -> int:
    if "PutRequest" not in write:
        return 1
    return math.ceil(_size(write["PutRequest"]["Item"]) / WRITE_BYTES)


def _entry(table: str, units: float) -> dict[str, Any]:
    return {"TableName": table, "CapacityUnits": units}


def _size(content: Any) -> int:
    return len(
        json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    )
