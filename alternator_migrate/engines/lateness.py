"""For how long a worker of a cluster that nobody hears of may still write."""

from typing import Final

from alternator_migrate.engines.slice_runner import GRACE_SECONDS

LEASE_SECONDS: Final = 20.0
"""For how long a slice goes on of which nobody says that it is wanted: its run may be gone, and
another one write what is newer."""
LOOK_SECONDS: Final = 1.0
"""Between two looks of a worker at whether its slice is wanted."""
GIVEN_UP_SECONDS: Final = LEASE_SECONDS + LOOK_SECONDS + GRACE_SECONDS
"""Until a worker that nobody hears of has given up what it has under way."""
ANSWER_SECONDS: Final = 30.0
"""For how long the target may still take a request whose answer is waited for no longer."""
LATE_SECONDS: Final = GIVEN_UP_SECONDS + ANSWER_SECONDS
"""For how long a worker that nobody hears of may still write: until it gives up what it has under
way, and the target the requests that it has then sent."""
