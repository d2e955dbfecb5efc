"""HTML as text: elements whose content and attributes are escaped unless they are HTML already."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

_VOID: Final = ("meta", "br", "input", "rect", "path", "polyline", "line")
_LONG: Final = 25
_AFTER: Final = re.compile(r"(?<=[.:/])(?=\w)|(?<=[a-z])(?=[A-Z])")


class Html(str):
    """Text that is HTML, escaped where that was needed."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | float | None) -> Html:
    """An element. Underscores of attribute names stand for hyphens, one at the end for nothing;
    attributes of None are left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(
            f"<{name}{given}/>" if name not in ("meta", "br", "input") else f"<{name}{given}>"
        )
    return Html(f"<{name}{given}>{joined(content)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """Parts one after another, those that are plain text escaped."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0
) -> Html:
    """A table with a caption, of which the last `numbers` columns are figures; wider ones than the
    screen can be scrolled."""
    first_number = len(heads) - numbers

    def kind(column: int) -> str | None:
        return "n" if column >= first_number else None

    head = element(
        "tr",
        *(element("th", head, scope="col", class_=kind(n)) for n, head in enumerate(heads)),
    )
    body = [
        element(
            "tr",
            element("th", _breakable(row[0]), scope="row"),
            *(element("td", cell, class_=kind(n)) for n, cell in enumerate(row[1:], 1)),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *body),
    )
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """A list of names and values; what is long gets the place of two."""
    return element(
        "dl",
        *(
            element(
                "div",
                element("dt", name),
                element("dd", value),
                class_="long" if len(value) > _LONG else None,
            )
            for name, value in pairs
            if value
        ),
    )


def _breakable(name: str) -> Html:
    """A name that may be broken after each of its parts."""
    if isinstance(name, Html):
        return name
    return Html(_AFTER.sub("<wbr>", html.escape(name)))


def section(title: str, *content: str, key: str) -> Html:
    """A part of the page with a heading; nothing where there is no content."""
    if not any(content):
        return Html()
    heading = f"h-{key}"
    return element(
        "section", element("h2", title, id=heading), *content, id=key, aria_labelledby=heading
    )
