"""The house: packages on floors, the faces they show each other, and the doors of libraries."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import alternator_migrate

PACKAGE: Final = "alternator_migrate"
HOUSE: Final = Path(alternator_migrate.__file__).parent
LONGEST: Final = 350
MOST_ARGUMENTS: Final = 9
MOST_METHODS: Final = 20
MOST_PUBLIC_METHODS: Final = 15

FLOORS: Final = (
    ("core",),
    ("dynamodb", "snapshot", "follow", "engines", "monitor"),
    ("config",),
    ("connectors", "savepoints"),
    ("migration", "validate"),
    ("cli",),
)
FLOOR_OF: Final = {package: floor for floor, row in enumerate(FLOORS) for package in row}
# Outside the packages: the version, and `python -m`.
DOORSTEP: Final = ("", "__main__")

DOORS: Final = {
    "click": ("cli",),
    "rich": ("cli",),
    "tenacity": ("core.retry",),
    "aioboto3": ("dynamodb.session",),
    "aiobotocore": ("dynamodb.session",),
    "botocore": ("dynamodb.session", "dynamodb.botocore_errors"),
    "aiohttp": (
        *("dynamodb.http", "dynamodb.http_client"),
        *("connectors.s3_export.bucket", "savepoints.s3.bucket", "monitor.judges", "monitor.web"),
    ),
    "yarl": ("dynamodb.http",),
    "amazon": ("connectors.s3_export.ion",),
    "isal": ("connectors.s3_export.lines",),
    "msgspec": ("dynamodb", "connectors.s3_export"),
    "yaml": ("config", "savepoints"),
    "moto": ("cli.demo",),
    "werkzeug": ("cli.demo",),
    "uvloop": ("core.runtime",),
    "distributed": ("engines.dask", "engines.dask_worker"),
    "prometheus_client": ("monitor.metrics",),
}
# Tested without any disk or network: what they need of these is handed to them.
PURE: Final = (
    *("snapshot", "core.batching", "core.limiter", "core.pace", "core.ports", "core.work"),
    *("dynamodb.wire", "dynamodb.items", "dynamodb.values", "dynamodb.stream_wire"),
    *("dynamodb.attribute_names", "dynamodb.reshaping", "dynamodb.native", "dynamodb.rebuilt"),
    "connectors.transform.function",
    *("dynamodb.expressions", "dynamodb.table_schema", "dynamodb.dialect", "dynamodb.signing"),
    *("validate.digests", "validate.equality", "validate.compare", "validate.sample"),
    *("follow.ledger", "follow.cutover", "savepoints.state_json"),
)
IO: Final = {"io", "os", "pathlib", "shutil", "socket", "ssl", "subprocess"}


class Import(NamedTuple):
    """One imported name: `module` is the module or package of the house that holds `name`."""

    module: str
    name: str


def modules() -> dict[str, Path]:
    """Every module, by its name within the package."""
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(HOUSE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES: Final = modules()
PACKAGES: Final = [name for name, path in MODULES.items() if name and path.stem == "__init__"]


@cache
def parsed(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def face(package: str) -> frozenset[str]:
    """What a package lists in `__all__`: names, or modules of its own."""
    for node in parsed(MODULES[package]).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def imports(module: str) -> Iterator[tuple[str, str]]:
    """(module, name) of each import, those inside functions too; the name is "" for a module."""
    for node in ast.walk(parsed(MODULES[module])):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import hides where it goes"
            yield from ((str(node.module), alias.name) for alias in node.names)


def inner(module: str) -> Iterator[Import]:
    """What a module imports of this house."""
    for dotted, name in imports(module):
        if dotted == PACKAGE and name in MODULES:
            yield Import(name, "")
        elif dotted.startswith(f"{PACKAGE}."):
            within = dotted.removeprefix(f"{PACKAGE}.")
            whole = f"{within}.{name}"
            yield Import(whole, "") if whole in MODULES else Import(within, name)


def package_of(module: str) -> str:
    """The package that a module is in. Fails for a module that is in none."""
    package = module.partition(".")[0]
    if package not in FLOOR_OF:
        pytest.fail(f"{PACKAGE}/{package} is no package of FLOORS in {Path(__file__).name}")
    return package


def crossing(module: str) -> Iterator[Import]:
    """What a module imports of other packages."""
    if module not in DOORSTEP:
        own = package_of(module)
        yield from (each for each in inner(module) if package_of(each.module) != own)


@pytest.mark.parametrize("module", MODULES)
def test_a_package_imports_lower_floors_only(module: str) -> None:
    for found in crossing(module):
        own, other = package_of(module), package_of(found.module)
        assert FLOOR_OF[other] < FLOOR_OF[own], f"{module} imports {found.module}"


@pytest.mark.parametrize("module", MODULES)
def test_other_packages_are_met_by_their_faces(module: str) -> None:
    for found in crossing(module):
        package = package_of(found.module)
        room = found.module.removeprefix(package).removeprefix(".")
        shown = room or found.name
        assert not shown or shown in face(package), (
            f"{module} imports {found.module} {found.name}, which {package} does not show"
        )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_face_shows_what_is_there(package: str) -> None:
    rooms = {name.removeprefix(f"{package}.") for name in MODULES if name.startswith(package)}
    names = {found.name for found in inner(package)}
    assert face(package) <= names | rooms


@pytest.mark.parametrize("module", MODULES)
def test_a_private_name_stays_in_its_module(module: str) -> None:
    for found in inner(module):
        last = found.name or found.module.rpartition(".")[2]
        assert not last.startswith("_") or last == "__version__", f"{module} imports {last}"


@pytest.mark.parametrize("module", MODULES)
def test_each_third_party_library_has_its_doors(module: str) -> None:
    libraries = {dotted.partition(".")[0] for dotted, _ in imports(module)}
    for library in libraries - sys.stdlib_module_names - {PACKAGE}:
        doors = DOORS.get(library)
        assert doors, f"{module} imports {library}: give it a door in DOORS"
        assert within(module, doors), f"{module} imports {library}, whose door is {doors}"


@pytest.mark.parametrize("module", MODULES)
def test_a_pure_module_does_no_io(module: str) -> None:
    if within(module, PURE):
        assert not {dotted.partition(".")[0] for dotted, _ in imports(module)} & IO


def within(module: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of `places`, or in one of them."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {
        module: {found.module for found in inner(module)} - {module, module.partition(".")[0]}
        for module in MODULES
        if MODULES[module].stem != "__init__"
    }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_read_without_scrolling_back(module: str) -> None:
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST, f"{module} has {lines} lines"


@pytest.mark.parametrize("module", MODULES)
def test_a_class_has_one_thing_to_do(module: str) -> None:
    for each in classes(module):
        names = {method.name for method in methods(each)}
        public = sorted(name for name in names if not name.startswith("_"))
        assert len(names) <= MOST_METHODS, f"{module}.{each.name} has {len(names)} methods"
        assert len(public) <= MOST_PUBLIC_METHODS, f"{module}.{each.name} shows {public}"


@pytest.mark.parametrize("module", MODULES)
def test_a_constructor_takes_what_can_be_remembered(module: str) -> None:
    """Fields of dataclasses are no arguments in this sense: they have names wherever they are."""
    for each in classes(module):
        for constructor in (method for method in methods(each) if method.name == "__init__"):
            given = constructor.args
            names = [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)][1:]
            assert len(names) <= MOST_ARGUMENTS, f"{module}.{each.name} takes {names}"


def classes(module: str) -> Iterator[ast.ClassDef]:
    """The classes of a module, those within others too."""
    tree = parsed(MODULES[module])
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def methods(of: ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The methods and properties that a class defines itself."""
    return (node for node in of.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_module_is_called_utils() -> None:
    forbidden = {"util", "utils", "helpers", "misc", "common"}
    assert not [module for module in MODULES if forbidden & set(module.split("."))]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_happens_there(module: str) -> None:
    assert ast.get_docstring(parsed(MODULES[module]))
