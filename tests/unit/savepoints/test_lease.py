"""Leases of locks: whoever loses one has stopped before another one may begin."""

import pytest

from alternator_migrate.config.savepoint_settings import LEAST_LEASE_SECONDS
from alternator_migrate.core.supervisor import GRACE_SECONDS
from alternator_migrate.savepoints.s3.lease import free_after, given_up_after


@pytest.mark.parametrize("seconds", [LEAST_LEASE_SECONDS, 60, 3600])
def test_a_run_that_lost_its_lock_has_stopped_before_the_next_begins(seconds: float) -> None:
    told_in_whole_seconds = 1
    stopped = given_up_after(seconds) + GRACE_SECONDS
    assert stopped <= free_after(seconds) - told_in_whole_seconds
