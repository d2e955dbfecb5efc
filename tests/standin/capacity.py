"""ReturnConsumedCapacity: only TOTAL is understood, and old versions ignore it all."""

from tests.standin.errors import validation
from tests.standin.store import Call
from tests.standin.values import Item

WRITE_UNIT = 1024
READ_UNIT = 4096


def wanted(call: Call) -> bool:
    """Whether the answer is to carry ConsumedCapacity; anything but TOTAL is refused."""
    asked = call.body.get("ReturnConsumedCapacity")
    if asked is None or not call.dialect.capacity_checked:
        return False
    if asked == "INDEXES":
        raise validation("INDEXES consumed capacity is not supported")
    if asked != "TOTAL":
        raise validation(f"Unknown consumed capacity {asked}")
    return True


def units(size: int, unit: int) -> float:
    """Capacity units for `size` bytes, at least one."""
    return float(max(1, -(-size // unit)))


def of_one(call: Call, size: int, unit: int = WRITE_UNIT) -> Item:
    """The ConsumedCapacity member of a single-item operation, or nothing."""
    return {"ConsumedCapacity": {"CapacityUnits": units(size, unit)}} if wanted(call) else {}
