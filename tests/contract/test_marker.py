"""The suite itself: what runs on a real server, and what is marked as the stand-in's alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.stand_in
ROOT = Path(__file__).parents[2]
CLIENTS = {"alternator", "quick"}


def test_what_takes_no_server_by_name_is_marked(request: pytest.FixtureRequest) -> None:
    own = [item for item in request.session.items if item.path.parent == Path(__file__).parent]
    unmarked = [
        item.nodeid
        for item in own
        if isinstance(item, pytest.Function)
        and not CLIENTS & set(item.fixturenames)
        and not item.get_closest_marker("stand_in")
    ]
    assert not unmarked, "they need a stand-in: mark them as stand_in, or take `alternator`"


def test_a_server_that_is_named_is_the_only_one_asked() -> None:
    """A few of the tests, on an old server in another process."""
    command = [sys.executable, "-m", "tests.standin", "--old", "--stream-delay", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[1]
        chosen = "test_limit or test_pages_have_bytes or test_an_empty_request or what_a_record_has"
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen]
        result = subprocess.run(
            [*tests, "tests/contract"],
            cwd=ROOT,
            env={**os.environ, "ALTERNATOR_ENDPOINT": url},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        server.terminate()
    assert result.returncode == 0, result.stdout
    assert "5 passed, 1 skipped" in result.stdout
    assert "the stand-in alone can do that" in result.stdout
