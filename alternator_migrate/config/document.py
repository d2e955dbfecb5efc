"""A YAML text as plain values, each with the line it stands on; `${VAR}` filled in.

Problems are collected, not raised: the reader tells all mistakes of a configuration at once.
"""

import copy
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import yaml

from alternator_migrate.config.variables import filled
from alternator_migrate.config.yaml_tree import Tree, Unreadable, plain_text
from alternator_migrate.core.errors import Mistake

_PATH = re.compile(r"[^.\[\]=]+(\[\d+\])*(\.[^.\[\]=]+(\[\d+\])*)*\Z")
_Place: TypeAlias = Callable[[yaml.Node], str]
"""Returns the place of a node, for messages."""


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
        self._options: dict[str, str] = {}

    def read(self, text: str) -> None:
        """Take over a YAML text. Wrong YAML is one mistake."""
        try:
            tree = Tree(text)
            node = tree.root
            if node is None:
                return
            if not isinstance(node, yaml.MappingNode):
                self._mistake("", f"{self.name}, line 1", "must be a mapping such as `source: ...`")
                return
            self.value = self._plain(tree, node, "", self._line)
            self.unexpanded = tree.written(node)
        except Unreadable as error:
            self.unreadable = True
            place = f"{self.name}, line {error.line}" if error.line else self.name
            self._mistake("", place, f"not YAML: {error}")

    def override(self, path: str, value: object, place: str) -> None:
        """Put a plain value at a path such as `source.endpoint.port`, over what the text says."""
        if self._is_key(path, place):
            self._put(path, value, value, place)

    def without(self, name: str) -> "Document":
        """A copy that lacks a key of the top level, as if that had never been written."""
        other = Document(self.name, self._environment)
        other.unreadable, other.mistakes = self.unreadable, [*self.mistakes]
        other.value = _copied(self.value, name)
        other.unexpanded = _copied(self.unexpanded, name)
        other._places = {key: at for key, at in self._places.items() if not within(key, name)}
        other._options = {key: at for key, at in self._options.items() if not within(key, name)}
        return other

    def lay(self, path: str, value: object, written: object, place: str) -> None:
        """Put a value, plain and as it is written at `place`, over what stands at a path."""
        self._put(path, value, written, place)

    def imply(self, path: str, value: object) -> None:
        """Put a value that follows from others at a path where nothing stands."""
        for tree in (self.value, self.unexpanded):
            _put(tree, path.split("."), value)

    def set(self, assignment: str) -> None:
        """Apply `PATH=VALUE` of the command line; VALUE is read as YAML, in which # begins no
        comment. Its place is told without the value, which may be a secret."""
        path, separator, value = assignment.partition("=")
        path = path.strip()
        place = f"--set {path}=..." if separator else f"--set {path}"
        if not separator:
            self._mistake(path, place, "must be PATH=VALUE, such as source.scanSegments=64")
            return
        if not self._is_key(path, place):
            return
        before = dict(self._places)
        plain, written = self._assigned(value, path, place)
        self._places = before
        self._put(path, plain, written, place)

    def place(self, path: str) -> str:
        """Where a key stands, or the nearest key around it."""
        while path and path not in self._places:
            path = path.rpartition("[")[0] if path.endswith("]") else path.rpartition(".")[0]
        return self._places.get(path, self.name if self._places else "")

    def blamed(self, path: str, about: Iterable[str]) -> str:
        """Where a mistake at `path` stands that comes of the keys of `about` together: at the
        options of the command line among them, else where `path` is."""
        if self.place(path) in self._options.values():
            return self.place(path)
        options = [
            option
            for key, option in self._options.items()
            if any(within(key, each) or within(each, key) for each in about)
        ]
        return ", ".join(dict.fromkeys(options)) or self.place(path)

    def _is_key(self, path: str, place: str) -> bool:
        if _PATH.match(path) and "[" not in path:
            return True
        self._mistake(path, place, "is not a path like source.scanSegments")
        return False

    def _put(self, path: str, value: object, written: object, place: str) -> None:
        """Put a value at a path, so that what was wrong there in the text matters no more; a
        mistake where a plain value stands above it."""
        for tree, each in ((self.value, value), (self.unexpanded, written)):
            if not _put(tree, path.split("."), each):
                self._mistake(path, place, "stands below a value that is not a section")
                return
        self._places = {each: at for each, at in self._places.items() if not within(each, path)}
        self.mistakes = [
            each
            for each in self.mistakes
            if not (within(each.path, path) and each.place.startswith(f"{self.name}, line "))
        ]
        for end in (at for at, sign in enumerate(path) if sign == "."):
            self._places.setdefault(path[:end], place)
        self._places[path] = self._options[path] = place

    def _assigned(self, value: str, path: str, place: str) -> tuple[Any, Any]:
        """A value of the command line, plain and as it is written."""
        try:
            tree = Tree(value, comments=False)
            if tree.root is None:
                return None, None
            plain = self._plain(tree, tree.root, path, lambda _: place)
            return plain, tree.written(tree.root)
        except Unreadable:
            text = self._plain(Tree(""), plain_text(value), path, lambda _: place)
            return text, value

    def _line(self, node: yaml.Node) -> str:
        return f"{self.name}, line {node.start_mark.line + 1}"

    def _plain(self, tree: Tree, node: yaml.Node, path: str, place: _Place) -> Any:
        self._places[path] = place(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(tree, node, path, place)
        if isinstance(node, yaml.SequenceNode):
            inner = enumerate(node.value)
            return [self._plain(tree, each, f"{path}[{i}]", place) for i, each in inner]
        return self._scalar(tree, node, path, place)

    def _mapping(self, tree: Tree, node: yaml.MappingNode, path: str, place: _Place) -> Any:
        found: dict[str, Any] = {}
        for key_node, value_node, again in tree.entries(node):
            line = place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._mistake(path, line, "has a key that is no text, but a list or a mapping")
                continue
            key = str(key_node.value)
            inner = f"{path}.{key}" if path else key
            if again:
                self._mistake(inner, line, "stands twice")
            found[key] = self._plain(tree, value_node, inner, place)
            self._places[inner] = line
        return found

    def _scalar(self, tree: Tree, node: yaml.Node, path: str, place: _Place) -> Any:
        try:
            if not isinstance(node, yaml.ScalarNode) or "${" not in node.value:
                return tree.scalar(node)
            at = place(node)
            text = filled(node.value, self._environment, lambda why: self._mistake(path, at, why))
            return tree.filled(node, text)
        except Unreadable as error:
            self._mistake(path, place(node), str(error))
        except RecursionError:
            self._mistake(path, place(node), "has variables that are nested too deeply")
        return None

    def _mistake(self, path: str, place: str, message: str) -> None:
        self.mistakes.append(Mistake(path, place, message))


def within(path: str, around: str) -> bool:
    """Whether a path is another one, or stands below it."""
    return path == around or path.startswith((f"{around}.", f"{around}["))


def _copied(values: Mapping[str, Any], without: str) -> dict[str, Any]:
    return copy.deepcopy({key: each for key, each in values.items() if key != without})


def yaml_text(values: Mapping[str, Any]) -> str:
    """Plain values as YAML."""
    return yaml.safe_dump(dict(values), allow_unicode=True)


def _put(tree: dict[str, Any], path: list[str], value: object) -> bool:
    """Put a value into nested mappings, made where missing or null; False where a plain value
    stands."""
    *parents, last = path
    for parent in parents:
        if tree.get(parent) is None:
            tree[parent] = {}
        nested = tree[parent]
        if not isinstance(nested, dict):
            return False
        tree = nested
    tree[last] = value
    return True
