"""Items as a shop's table of orders has them: a random id, and words, dates and amounts.

In a JSON export they are lines of 286 bytes on average, of which gzip leaves a fifth; of the six
random UUIDs of `source.make_item` it leaves more than two fifths.
"""

import json
import random
import time
import uuid
from typing import Final

ORDER_BYTES: Final = 160
"""The average size of an order in DynamoDB's measure."""
_FIRST: Final = (
    *("Ada", "Boris", "Chiara", "David", "Elif", "Fatima", "Georg", "Hana"),
    *("Ivan", "Julia", "Kofi", "Lena", "Marco", "Nadia", "Oscar", "Priya"),
)
_LAST: Final = (
    *("Adler", "Bianchi", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Huber"),
    *("Ito", "Jansen", "Keller", "Lopez", "Moreau", "Novak", "Olsen", "Petrov"),
)
_CITIES: Final = ("Athens", "Berlin", "Chicago", "Dublin", "Geneva", "Hamburg", "Lisbon", "Seoul")
_STATES: Final = ("cancelled", "delivered", "paid", "returned", "shipped")
_FIRST_DAY: Final = 1_750_000_000
_YEAR: Final = 365 * 86_400


def make_order(drawn: random.Random) -> bytes:
    """One order as DynamoDB JSON."""
    placed = time.gmtime(_FIRST_DAY + drawn.randrange(_YEAR))
    order = {
        "id": {"S": str(uuid.UUID(int=drawn.getrandbits(128), version=4))},
        "customer": {"S": f"{drawn.choice(_FIRST)} {drawn.choice(_LAST)}"},
        "city": {"S": drawn.choice(_CITIES)},
        "placed_at": {"S": time.strftime("%Y-%m-%dT%H:%M:%SZ", placed)},
        "state": {"S": drawn.choice(_STATES)},
        "total": {"N": f"{drawn.randrange(50_000) / 100:.2f}"},
        "quantity": {"N": str(drawn.randrange(1, 10))},
        "is_gift": {"BOOL": drawn.random() < 0.1},
        "parcel": {"S": f"DE{drawn.getrandbits(60):018X}"},
    }
    return json.dumps(order, separators=(",", ":")).encode()
