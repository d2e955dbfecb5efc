"""Plots as inline SVG, each with its text beside it: they need no script, and print."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from alternator_migrate.core.segments import Cell, SegmentFigures
from alternator_migrate.core.texts import brief
from alternator_migrate.monitor.history import Sample
from alternator_migrate.monitor.html import Html, element, joined

_WIDTH: Final = 1000.0
_HEIGHT: Final = 200.0
_POINTS: Final = 300
_FEW: Final = 80
_GAP: Final = 0.08


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot: its name, its value at a sample (None: none), and how a value reads; one
    that is `rare` is left out where it never was above 0."""

    name: str
    value: Callable[[Sample], float | None]
    text: Callable[[float], str]
    rare: bool = False

    def has(self, column: Sequence[float | None]) -> bool:
        """Whether there is anything to be drawn."""
        return any(value if self.rare else value is not None for value in column)


def plot(title: str, samples: Sequence[Sample], series: Sequence[Series], key: str) -> Html:
    """A plot of some series over the time of the samples; nothing where no series has a value."""
    points = _thinned(samples)
    drawn = [(each, [each.value(sample) for sample in points]) for each in series]
    drawn = [(each, column) for each, column in drawn if each.has(column)]
    if not drawn:
        return Html()
    series, columns = zip(*drawn, strict=True)
    tops = [value for column in columns for value in column if value is not None]
    top = max(*tops, 0.0) or 1.0
    first, last = points[0].at - points[0].seconds, points[-1].at
    words = "; ".join(_told(each, column) for each, column in zip(series, columns, strict=True))
    lines = [
        _line(points, column, top, first, last, number) for number, column in enumerate(columns, 1)
    ]
    label = f"{title}, {_clock(first, last)(first)} to {_clock(first, last)(last)} UTC: {words}"
    drawing = element(
        "svg",
        *(_grid(share) for share in (0.25, 0.5, 0.75)),
        *lines,
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )
    return _figure(title, drawing, series, words, top, first, last, key)


def segments_picture(segments: SegmentFigures) -> Html:
    """Where in the hash range what is done, running and throttled; nothing without segments."""
    cells = segments.cells
    if not cells:
        return Html()
    total, done, running, throttled = (sum(column) for column in zip(*cells, strict=True))
    words = f"{done:,} of {total:,} segments done, {running:,} running, {throttled:,} throttled"
    drawing = element(
        "svg",
        *_bands(cells),
        viewBox=f"0 0 {len(cells)} 10",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"The hash range from its beginning to its end: {words}",
        class_="cells",
    )
    names = [_name(kind, kind) for kind in ("done", "running", "throttled", "waiting")]
    legend = element("p", *names, class_="legend")
    caption = element("figcaption", f"The hash range: {words}")
    return element("figure", caption, drawing, legend, class_="segments")


def skew_text(segments: SegmentFigures, *, of_many: bool = False) -> str:
    """How long segments took: the fastest, the median, the slowest; `of_many` tables, which all
    have segments of these numbers."""
    median = segments.median
    if segments.fastest is None or median is None:
        return ""
    slowest = [f"{brief(seconds)} (segment {index})" for index, seconds in segments.slowest]
    if of_many:
        slowest = [brief(seconds) for _, seconds in segments.slowest[:1]]
    return (
        f"fastest {brief(segments.fastest)}, median {brief(median)}, slowest {', '.join(slowest)}"
    )


def _bands(cells: Sequence[Cell]) -> Iterator[Html]:
    """Rectangles: from below what is done, above it what runs or is throttled; neighbours that
    look alike are one where there are many."""
    place, gap = 0, _GAP if len(cells) <= _FEW else 0.0
    for (_, done, mark), group in groupby(_looks(cells, apart=bool(gap))):
        width = len(list(group))
        if done:
            yield _rect(place, 10 * (1 - done), width - gap, 10 * done, "done")
        if mark:
            yield _rect(place, 0, width - gap, max(10 * (1 - done), 2), mark)
        place += width


def _looks(cells: Sequence[Cell], *, apart: bool) -> Iterator[tuple[int, float, str]]:
    """What each cell is drawn by: the share that is done, and a mark; a number tells those that
    stay `apart` from their neighbours."""
    for index, cell in enumerate(cells):
        done = round(cell.done / cell.total, 2) if cell.total else 0.0
        mark = "throttled" if cell.throttled else "running" if cell.running else ""
        yield (index if apart else 0), done, mark


def _rect(x: float, y: float, width: float, height: float, kind: str) -> Html:
    return element(
        "rect", x=f"{x:g}", y=f"{y:g}", width=f"{width:g}", height=f"{height:g}", class_=kind
    )


def _figure(
    title: str,
    drawing: Html,
    series: Sequence[Series],
    words: str,
    top: float,
    first: float,
    last: float,
    key: str,
) -> Html:
    text, clock = series[0].text, _clock(first, last)
    names = [_name(f"s{number}", each.name) for number, each in enumerate(series, 1)]
    scale = (text(top), text(top / 2), "0")
    return element(
        "figure",
        element("figcaption", element("b", title), " ", *names),
        element("div", *(element("span", each) for each in scale), class_="y", aria_hidden="true"),
        drawing,
        element(
            "div",
            *(element("span", clock(at)) for at in (first, (first + last) / 2, last)),
            class_="x",
            aria_hidden="true",
        ),
        element("p", words, class_="told"),
        class_="plot",
        id=f"plot-{key}",
    )


def _name(kind: str, name: str) -> Html:
    """An entry of a legend."""
    entry = element("span", element("span", class_=f"swatch {kind}"), name, class_="entry")
    return joined((entry, " "))


def _line(
    points: Sequence[Sample],
    column: Sequence[float | None],
    top: float,
    first: float,
    last: float,
    number: int,
) -> Html:
    """The path of one series, broken where it has no value or nothing ran."""
    steps, draws = [], False
    for sample, value in zip(points, column, strict=True):
        draws = draws and not sample.resumes
        if value is not None:
            x = _WIDTH * (sample.at - first) / ((last - first) or 1.0)
            y = _HEIGHT * (1 - value / top)
            steps.append(f"{'L' if draws else 'M'}{x:.1f} {y:.1f}" + ("" if draws else "h.1"))
        draws = value is not None
    return element("path", d="".join(steps), class_=f"s{number}")


def _grid(share: float) -> Html:
    y = f"{_HEIGHT * share:g}"
    return element("line", x1="0", x2=f"{_WIDTH:g}", y1=y, y2=y, class_="grid")


def _told(series: Series, column: Sequence[float | None]) -> str:
    values = [value for value in column if value is not None]
    last, most = series.text(values[-1]), series.text(max(values))
    return f"{series.name}: last {last}, at most {most}"


def _thinned(samples: Sequence[Sample]) -> Sequence[Sample]:
    """At most 300 samples, neighbours joined, but not over a gap in which nothing ran."""
    width = -(-len(samples) // _POINTS)
    thinned: list[Sample] = []
    joined_up = 0
    for sample in samples:
        if thinned and joined_up < width and not sample.resumes:
            thinned[-1] = thinned[-1].joined(sample)
            joined_up += 1
        else:
            thinned.append(sample)
            joined_up = 1
    return thinned


def _clock(first: float, last: float) -> Callable[[float], str]:
    """How a moment of a plot reads: with the date where the plot is of more than a day."""
    form = "%H:%M:%S" if last - first < 86_400 else "%m-%d %H:%M"
    return lambda at: time.strftime(form, time.gmtime(at))
