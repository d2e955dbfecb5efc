"""A YAML text as plain values, each with the line it stands on; `${VAR}` filled in.

Problems are collected, not raised: the reader tells all mistakes of a configuration at once.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

import yaml

from alternator_migrate.errors import Mistake

_VARIABLE = re.compile(r"\$(\$?)\{([^}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?\Z", re.DOTALL)
_PATH = re.compile(r"[^.\[\]=]+(\[\d+\])*(\.[^.\[\]=]+(\[\d+\])*)*\Z")


_UNREADABLE = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What PyYAML raises for hostile texts, beside its own errors."""


class WrittenInt(int):
    """A whole number that remembers how it was written, should a text be wanted: 007."""

    written: str


class WrittenFloat(float):
    """A number that remembers how it was written, should a text be wanted: 1.10."""

    written: str


class _Loader(yaml.SafeLoader):
    """Safe YAML without dates: what looks like one is a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 # the name and shape are PyYAML's
        first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith(":timestamp")]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class Document:
    """The values of a configuration, where each stands, and what was wrong in reading it."""

    def __init__(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.value: dict[str, Any] = {}
        self.unexpanded: dict[str, Any] = {}
        self.mistakes: list[Mistake] = []
        self.unreadable = False
        self._environment = os.environ if environment is None else environment
        self._places: dict[str, str] = {}

    def read(self, text: str) -> None:
        """Take over a YAML text. Wrong YAML is one mistake."""
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            if node is None:
                return
            if not isinstance(node, yaml.MappingNode):
                self._mistake("", f"{self.name}, line 1", "must be a mapping such as `source: ...`")
                return
            self.value = self._plain(loader, node, "")
            self.unexpanded = _without_places(loader, node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self.name}, line {mark.line + 1}" if mark else self.name
            self.unreadable = True
            self._mistake("", place, f"not YAML: {error.problem or error.context}")
        except _UNREADABLE as error:
            self.unreadable = True
            self._mistake("", self.name, f"not YAML: {error or type(error).__name__}")

    def override(self, path: str, value: object, place: str) -> None:
        """Put a plain value at a path such as `source.endpoint.port`, over what the text says."""
        if not _PATH.match(path) or "[" in path:
            self._mistake(path, place, "is not a path like source.scanSegments")
            return
        for tree in (self.value, self.unexpanded):
            if not _put(tree, path.split("."), value):
                self._mistake(path, place, "stands below a value that is not a section")
                return
        self._places[path] = place

    def set(self, assignment: str) -> None:
        """Apply `PATH=VALUE` of the command line; VALUE is read as YAML. Its place is told without
        the value, which may be a secret."""
        path, separator, value = assignment.partition("=")
        path = path.strip()
        place = f"--set {path}=..." if separator else f"--set {path}"
        if not separator:
            self._mistake(path, place, "must be PATH=VALUE, such as source.scanSegments=64")
            return
        try:
            loader = _Loader(value)
            node = loader.get_single_node()
            plain = self._plain(loader, node, path) if node else None
        except _UNREADABLE:
            plain = value
        self.override(path, plain, place)
        self._places |= dict.fromkeys((p for p in self._places if p.startswith(path)), place)

    def place(self, path: str) -> str:
        """Where a key stands, or the nearest key around it."""
        while path and path not in self._places:
            path = path.rpartition("[")[0] if path.endswith("]") else path.rpartition(".")[0]
        return self._places.get(path, self.name if self._places else "")

    def _plain(self, loader: _Loader, node: yaml.Node, path: str) -> Any:
        self._places[path] = f"{self.name}, line {node.start_mark.line + 1}"
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(loader, n, f"{path}[{i}]") for i, n in enumerate(node.value)]
        return self._scalar(loader, node, path)

    def _mapping(self, loader: _Loader, node: yaml.MappingNode, path: str) -> Any:
        written = [str(key_node.value) for key_node, _ in node.value]
        loader.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            inner = f"{path}.{key}" if path else key
            line = f"{self.name}, line {key_node.start_mark.line + 1}"
            if key in found and written.count(key) > 1:
                self._mistake(inner, line, "stands twice")
            found[key] = self._plain(loader, value_node, inner)
            self._places[inner] = line
        return found

    def _scalar(self, loader: _Loader, node: yaml.Node, path: str) -> Any:
        if isinstance(node, yaml.ScalarNode) and "${" in node.value:
            expanded = _VARIABLE.sub(lambda found: self._variable(found, path), node.value)
            tag = node.tag
            if node.style is None:
                tag = loader.resolve(yaml.ScalarNode, expanded, (True, False))  # type: ignore[no-untyped-call] # absent from the stubs
            node = yaml.ScalarNode(tag, expanded, node.start_mark, node.end_mark)
        try:
            return _remembering(loader.construct_object(node, deep=True), node.value)
        except _UNREADABLE as error:
            self._mistake(path, self.place(path), f"cannot be read: {error}")
            return None

    def _variable(self, found: re.Match[str], path: str) -> str:
        if found[1]:
            return found[0][1:]
        named = _NAME.match(found[2])
        if named is None:
            self._mistake(
                path, self.place(path), f"{found[0]} is not ${{VAR}} or ${{VAR:-default}}"
            )
            return ""
        value = self._environment.get(named[1]) or named[2]
        if value is None:
            value = self._environment.get(named[1])
        if value is None:
            self._mistake(path, self.place(path), f"the environment variable {named[1]} is not set")
            return ""
        return value

    def _mistake(self, path: str, place: str, message: str) -> None:
        self.mistakes.append(Mistake(path, place, message))


def yaml_text(values: Mapping[str, Any]) -> str:
    """Plain values as YAML, in which a `${VAR}` that stands alone has no quotes, as most write
    it: so it may become a number."""
    return yaml.safe_dump(dict(values), allow_unicode=True)


def _remembering(value: Any, written: str) -> Any:
    kind = {int: WrittenInt, float: WrittenFloat}.get(type(value))
    if kind is None:
        return value
    number = kind(value)
    number.written = written
    return number


def _put(tree: dict[str, Any], path: list[str], value: object) -> bool:
    """Put a value into nested mappings, made where missing; False where a plain value stands."""
    *parents, last = path
    for parent in parents:
        nested = tree.setdefault(parent, {})
        if not isinstance(nested, dict):
            return False
        tree = nested
    tree[last] = value
    return True


def _without_places(loader: _Loader, node: yaml.Node) -> Any:
    """The plain value of a node as it is written, `${VAR}` included."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _without_places(loader, value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_without_places(loader, each) for each in node.value]
    try:
        value = loader.construct_object(node, deep=True)
    except _UNREADABLE:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return node.value if number and str(value) != node.value else value
