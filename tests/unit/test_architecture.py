"""The import table: every room stands on one floor, and looks only at floors before its own."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import alternator_migrate

PACKAGE: Final = "alternator_migrate"
HOUSE: Final = Path(alternator_migrate.__file__).parent
LONGEST: Final = 350

FLOORS: Final = {
    "words": ("errors", "changes", "description", "model", "slices"),
    "pure": (
        *("interfaces", "wire", "records", "sigv4", "batching", "ledger", "schema", "dialect"),
        *("interleave", "concurrency", "circle", "shards", "config", "decimals", "failures"),
        "manners",
        *("untyped", "canonical", "equality", "digests", "clauses", "expressions", "conditions"),
        *("plain", "judging", "looking", "reading", "confidence", "endpoints"),
    ),
    "edges": (
        *(
            "aws",
            "credentials",
            "refusals",
            "answers",
            "proxies",
            "dialing",
            "lane",
            "nodes",
            "homes",
            "pacing",
            "tables",
            "rights",
            "absence",
            "control",
            "unread",
            "enabling",
            "rejects",
            "findings",
        ),
        *(
            "durable",
            "foreign",
            "savepoint",
            "spoolfile",
            "spool",
            "hooks",
            "loops",
            "cores",
            "signals",
        ),
        *("outlets", "jsonlog", "trouble"),
    ),
    "ports": ("sources", "targets"),
    "flows": ("snapshot", "follow", "validate", "mending"),
    "engines": ("engines",),
    "conduct": ("conduct", "retention", "following", "stages", "migration", "validation"),
    "joinery": (
        *("resume", "services", "streaming", "wiring", "ends", "comparing", "jobs", "checkjob"),
        *("staffing", "completed", "parts", "resending", "indexing"),
    ),
    "face": (
        *("planning", "samples", "progress", "report", "logs", "checking", "running", "commands"),
        *("cli", "options", "demo", "closing", "streamplan", "combinations", "remarks", "__main__"),
    ),
}
ORDER: Final = {name: number for number, name in enumerate(FLOORS)}
FLOOR_OF: Final = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

FACE_OF_RICH: Final = ("progress", "report", "logs", "running", "commands", "demo", "closing")
DOORS: Final = {
    "click": ("cli", "options"),
    "rich": FACE_OF_RICH,
    "tenacity": ("pacing",),
    "aioboto3": ("aws",),
    "aiobotocore": ("aws",),
    "botocore": ("aws", "refusals"),
    "aiohttp": ("lane", "dialing"),
    "yarl": ("dialing",),
    # wire and records leave values undecoded, canonical decodes them
    "msgspec": ("wire", "records", "canonical"),
    "yaml": ("config.document", "config.nodes", "savepoint"),
    "moto": ("demo",),
    "uvloop": ("loops",),
    "distributed": ("engines.cluster",),
}


def modules() -> dict[str, Path]:
    """Every module but the package itself, by its name within the package."""
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(HOUSE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if parts:
            found[".".join(parts)] = path
    return found


MODULES: Final = modules()


@cache
def parsed(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """The dotted name of each import of a module, those inside functions too."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import hides where it goes"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def neighbours(path: Path) -> set[str]:
    """The modules of this package that a module imports, by their name within it."""
    found = set()
    for name in imported(path):
        inner = name.removeprefix(f"{PACKAGE}.")
        while inner != name and inner and inner not in MODULES:
            inner = inner.rpartition(".")[0]
        if inner != name and inner:
            found.add(inner)
    return found


def floor_of(module: str) -> str:
    """The floor of a module. Fails for one that the table does not know."""
    room = module.partition(".")[0]
    if room not in FLOOR_OF:
        pytest.fail(
            f"{PACKAGE}/{room} stands on no floor: put it into FLOORS of {Path(__file__).name}, on "
            f"the first floor that is above all it imports ({', '.join(FLOORS)})"
        )
    return FLOOR_OF[room]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_its_own_floor_and_those_before(module: str) -> None:
    floor = floor_of(module)
    above = {
        other for other in neighbours(MODULES[module]) if ORDER[floor_of(other)] > ORDER[floor]
    }
    assert not above, f"{module} is on floor {floor} and imports {above}"


@pytest.mark.parametrize("module", MODULES)
def test_a_port_imports_no_other_port(module: str) -> None:
    if floor_of(module) != "ports":
        return
    sideways = {other for other in neighbours(MODULES[module]) if floor_of(other) == "ports"}
    package = module.partition(".")[0]
    assert not sideways - {package}, f"{module} imports {sideways}"


@pytest.mark.parametrize("module", MODULES)
def test_a_flow_knows_its_ports_by_their_interface_only(module: str) -> None:
    if floor_of(module) != "flows":
        return
    others = neighbours(MODULES[module]) - {module}
    assert not {other for other in others if floor_of(other) in ("ports", "flows")}
    assert "interfaces" in others


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {module: neighbours(path) - {module} for module, path in MODULES.items()}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", ["", *MODULES])
def test_each_third_party_library_has_one_door(module: str) -> None:
    path = MODULES[module] if module else HOUSE / "__init__.py"
    libraries = {name.partition(".")[0] for name in imported(path)}
    for library in libraries - sys.stdlib_module_names - {PACKAGE}:
        doors = DOORS.get(library)
        assert doors, f"{module} imports {library}: give it a door in DOORS"
        assert module in doors, f"{module} imports {library}, whose door is {', '.join(doors)}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_read_without_scrolling_back(module: str) -> None:
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST, f"{module} has {lines} lines"


def test_no_room_is_called_utils() -> None:
    forbidden = {"util", "utils", "helpers", "misc", "common"}
    assert not [module for module in MODULES if forbidden & set(module.split("."))]


@pytest.mark.parametrize("module", MODULES)
def test_a_pure_room_does_no_io(module: str) -> None:
    if ORDER[floor_of(module)] <= ORDER["pure"] and not module.startswith("config"):
        doors_out = {name.partition(".")[0] for name in imported(MODULES[module])}
        assert not doors_out & {"io", "os", "pathlib", "shutil", "socket", "ssl", "subprocess"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_happens_there(module: str) -> None:
    assert ast.get_docstring(parsed(MODULES[module]))
