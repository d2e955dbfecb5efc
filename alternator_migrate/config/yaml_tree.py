"""One YAML text as a tree of nodes, and what its nodes are as plain values.

Safe YAML without dates: what looks like one is a text. `${VAR}` needs no quotes anywhere.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml

from alternator_migrate.config.variables import Filled, hidden, shown, without_comments

_YAMLS: Final = "tag:yaml.org,2002:"
_TEXT: Final = f"{_YAMLS}str"
# Aliases of aliases ("billion laughs") make a huge configuration of a few lines.
_MOST_BY_ALIASES: Final = 100_000
_UNREADABLE: Final = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""Errors that PyYAML raises for hostile texts, beside its own."""


class Unreadable(ValueError):
    """Why a text, or a value of it, cannot be read as YAML: one sentence, and the line if known."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.line = line


class WrittenInt(int):
    """A whole number that remembers how it was written, should a text be wanted: 007."""

    written: str


class WrittenFloat(float):
    """A number that remembers how it was written, should a text be wanted: 1.10."""

    written: str


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012 # the name and shape are PyYAML's
        first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith(":timestamp")]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        node.value = shown(node.value)
        return node


Entry: TypeAlias = tuple[yaml.Node, yaml.Node, bool]
"""A key of a mapping, its value, and whether the same mapping has the key already."""


class Tree:
    """A YAML text as `root`, None where it is empty; `comments` says whether # begins one.

    Raises `Unreadable` for what is no YAML, and for aliases that stand for very much.
    """

    def __init__(self, text: str, *, comments: bool = True) -> None:
        try:
            self._loader = _Loader(hidden(text if comments else without_comments(text)))
            self.root: yaml.Node | None = self._loader.get_single_node()
            if self.root:
                known: dict[int, int] = {}
                if _weight(self.root, known) - len(known) > _MOST_BY_ALIASES:
                    raise Unreadable(f"its aliases stand for more than {_MOST_BY_ALIASES:,} values")
        except _UNREADABLE as error:
            raise _why(error) from error
        self._entries: dict[int, list[Entry]] = {}

    def entries(self, node: yaml.MappingNode) -> list[Entry]:
        """Keys and values of a mapping, those of merged ones first. Raises `Unreadable`."""
        if id(node) not in self._entries:
            own = {id(key) for key, _ in node.value}
            try:
                self._loader.flatten_mapping(node)
            except _UNREADABLE as error:
                raise _why(error) from error
            seen: set[str] = set()
            found = self._entries[id(node)] = []
            for key, value in node.value:
                name = key.value if id(key) in own and isinstance(key, yaml.ScalarNode) else None
                found.append((key, value, name in seen))
                seen |= {name} if name else set()
        return self._entries[id(node)]

    def scalar(self, node: yaml.Node) -> Any:
        """The plain value of a scalar; numbers remember how they were written. Raises
        `Unreadable`."""
        try:
            value = self._constructed(node)
        except _UNREADABLE as error:
            kind = node.tag.removeprefix(_YAMLS)
            raise Unreadable(f"cannot be read as the type it has in YAML, {kind}") from error
        remembering = {int: WrittenInt, float: WrittenFloat}.get(type(value))
        if remembering is None:
            return value
        number = remembering(value)
        number.written = node.value
        return number

    def filled(self, node: yaml.ScalarNode, text: str) -> Any:
        """The plain value of a scalar whose variables were filled in. Raises `Unreadable`."""
        if node.tag != _TEXT:
            return self.scalar(yaml.ScalarNode(node.tag, text))
        value = Filled(text)
        tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call] # absent from the stubs
        try:
            value.meant = self.scalar(yaml.ScalarNode(tag, text))
        except Unreadable:
            value.meant = text
        return value

    def written(self, node: yaml.Node) -> Any:
        """The plain value of a node as it is written, `${VAR}` included."""
        if isinstance(node, yaml.MappingNode):
            return {
                str(key.value): self.written(value)
                for key, value in node.value
                if isinstance(key, yaml.ScalarNode)
            }
        if isinstance(node, yaml.SequenceNode):
            return [self.written(each) for each in node.value]
        try:
            value = self._constructed(node)
        except _UNREADABLE:
            return None
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return node.value if number and str(value) != node.value else value

    def _constructed(self, node: yaml.Node) -> Any:
        """A scalar's value. Raises one of `_UNREADABLE`, also for a number that is too long to be
        shown."""
        value = self._loader.construct_object(node, deep=True)
        if isinstance(value, int):
            str(value)
        return value


def plain_text(text: str) -> yaml.ScalarNode:
    """A node that is a text, whatever it looks like."""
    return yaml.ScalarNode(_TEXT, text, style='"')


def _weight(node: yaml.Node, known: dict[int, int]) -> int:
    """The number of nodes in a tree, each alias counted with all that it stands for; `known` keeps
    that of each."""
    if id(node) in known:
        if not known[id(node)]:
            raise Unreadable("an alias stands within what it names")
        return known[id(node)]
    known[id(node)] = 0
    known[id(node)] = 1 + sum(_weight(each, known) for each in _children(node))
    return known[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _why(error: Exception) -> Unreadable:
    if isinstance(error, Unreadable):
        return error
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return Unreadable(
            shown(str(error.problem or error.context)), mark.line + 1 if mark else None
        )
    if isinstance(error, RecursionError):
        return Unreadable("it is nested too deeply")
    return Unreadable(str(error) or type(error).__name__)
