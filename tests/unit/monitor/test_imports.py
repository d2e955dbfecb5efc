"""What is not asked for is not imported."""

import subprocess
import sys

HEAVY = ("aiohttp.web", "prometheus_client", "alternator_migrate.monitor.page")
ASKED = """
import sys
import alternator_migrate.cli.commands
print(*(name for name in {names!r} if name in sys.modules))
"""


def test_a_run_that_nobody_watches_imports_nothing_for_it() -> None:
    command = [sys.executable, "-c", ASKED.format(names=HEAVY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == ""
