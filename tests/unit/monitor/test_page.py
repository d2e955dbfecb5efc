"""Page and report as documents: well formed, whole in themselves, nothing of items, accessible."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from alternator_migrate.core.counts import ChangeCounts, Counts, ValidationCounts
from alternator_migrate.core.next_steps import next_steps
from alternator_migrate.core.progress import FollowProgress, Reason, RunProgress
from alternator_migrate.core.state import Status
from alternator_migrate.monitor.history import History, Sample
from alternator_migrate.monitor.html import Html, element
from alternator_migrate.monitor.page import page
from alternator_migrate.monitor.report import Context, report
from alternator_migrate.monitor.style import POLICY, SCRIPT, STYLE, hashed
from tests.support.runs import BEGAN, EVIL, LATE, a_run, a_table

VOID = {"meta", "br", "wbr"}
FOREIGN = ("src=", "url(", "@import", 'http-equiv="refresh" content="0', "<link")


class Reader(HTMLParser):
    """Reads a document; `open` has the elements that were not closed, `seen` all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.seen if name == tag]


def read(text: str) -> Reader:
    """A document that is well formed."""
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


def samples(*, lag: float | None = None) -> Sequence[Sample]:
    """Ten minutes of a run."""
    history = History()
    for second in range(600):
        history.add(
            Sample(BEGAN + second, 1.0, 100, 1000, 5 if lag else 0, 1, 0, 3, lag, 0.01, 0.02)
        )
    return history.whole


PAUSED = Reason("user", "paused by you", pauses=True, since=BEGAN + 2)
RUNS = {
    "preparing": a_run(),
    "running": a_run(a_table()),
    "paused": a_run(a_table(), reasons=(PAUSED,), paused_seconds=4.0),
    "failed": a_run(
        a_table(status=Status.FAILED, error=f"refused {EVIL}"),
        status=Status.FAILED,
        error=f"gave up {EVIL}",
    ),
    "following": a_run(a_table(state="following", changes=LATE, step=(3, 5))),
    "validating": a_run(a_table(state="reading both sides", phase="Validate")),
    "completed": a_run(
        a_table(validated=ValidationCounts(100), status=Status.COMPLETED), status=Status.COMPLETED
    ),
    "many": a_run(*(a_table(f"Table {n:02}{EVIL}") for n in range(60))),
}
CONTEXT = Context({"source.table": f"Orders{EVIL}"}, ("compared by digests",), (), ("Python 3",))


def documents(run: RunProgress) -> Iterator[str]:
    """The page and the report of a run."""
    yield page(run, samples(lag=1.0))
    yield report(run, samples(lag=1.0), CONTEXT)


@pytest.mark.parametrize("name", RUNS)
def test_a_document_is_whole_and_holds_no_item(name: str) -> None:
    for text in documents(RUNS[name]):
        read(text)
        assert text.startswith("<!DOCTYPE html>")
        assert not [foreign for foreign in FOREIGN if foreign in text]
        assert EVIL not in text
        assert "secret-key" not in text


@pytest.mark.parametrize("name", RUNS)
def test_a_document_can_be_read_by_a_screen_reader(name: str) -> None:
    for text in documents(RUNS[name]):
        reader = read(text)
        tags = [tag for tag, _ in reader.seen]
        assert reader.all("html") == [{"lang": "en"}]
        assert [tags.count(landmark) for landmark in ("header", "main", "footer", "h1")] == [1] * 4
        levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
        assert all(next_ - level <= 1 for level, next_ in pairwise(levels))
        assert tags.count("table") == tags.count("caption")
        assert all(head.get("scope") for head in reader.all("th"))
        assert all(svg["role"] == "img" and svg["aria-label"] for svg in reader.all("svg"))
        ids = [attributes["id"] for _, attributes in reader.seen if "id" in attributes]
        assert len(ids) == len(set(ids))
        named = [section["aria-labelledby"] for section in reader.all("section")]
        assert set(named) <= set(ids)


def test_the_policy_allows_just_what_the_page_brings_along() -> None:
    text = page(RUNS["running"], samples())
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert (styles, scripts) == ([STYLE], [SCRIPT])
    assert hashed(STYLE) in POLICY
    assert hashed(SCRIPT) in POLICY
    assert not re.search(r"<[^>]* (style|on\w+)=", text)


def test_colours_of_text_have_contrast() -> None:
    light = dict(re.findall(r"--([a-z0-9]+):(#[0-9a-f]+)", STYLE.partition("@media")[0]))
    rest = STYLE.partition("@media")[2].partition("*{")[0]
    dark = dict(re.findall(r"--([a-z0-9]+):(#[0-9a-f]+)", rest))
    for colours in (light, dark):
        for name in ("fg", "dim", "good", "warn", "bad", "s1"):
            for ground in ("bg", "card"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, by WCAG."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("preparing", ("preparing",)),
        ("running", ("Orders → Orders_v2", "100 of 400", "source throttles", "2 of 8 segments")),
        ("paused", ("paused by you, since 2026-09-21T14:13:22Z", "Paused for")),
        ("failed", ("gave up &lt;script&gt;", "failed: refused")),
        ("following", ("Lag", "1.5s", "stop the writers", "until-caught-up", "3 of 5")),
        ("validating", ("Compared, of both sides",)),
        ("completed", ("<dd>only if nothing wrote to the source</dd>", "<td>completed</td>")),
        ("many", ("60 tables", "Table 59", "<dd>60 running</dd>")),
    ],
)
def test_the_page_tells(name: str, words: tuple[str, ...]) -> None:
    text = page(RUNS[name], samples())
    for word in words:
        assert word in text, word


def test_plots_have_at_most_300_points_and_tell_their_values() -> None:
    text = page(RUNS["running"], samples())
    [throughput] = re.findall(r'<figure class="plot" id="plot-items">.*?</figure>', text)
    assert throughput.count("L") <= 300
    assert "items/s: last 100/s, at most 100/s" in throughput


def test_a_plot_of_what_is_no_more_ends_at_nothing_and_one_that_never_was_is_left_out() -> None:
    waited = [*samples(lag=1.0)[:5], Sample(BEGAN + 5, 1.0)]
    assert "changes: last 0, at most 3" in page(RUNS["running"], waited)
    assert "Changes that wait" not in page(RUNS["running"], waited[-1:])


def test_controls_are_put_on_the_page() -> None:
    assert 'id="pause"' in page(RUNS["running"], (), element("button", "Pause", id="pause"))
    assert isinstance(element("b", "&"), Html)
    assert element("b", "&") == "<b>&amp;</b>"


def test_the_report_tells_the_account_and_where_it_does_not_hold() -> None:
    text = report(a_run(a_table()), samples(), CONTEXT)
    assert "10 more are to be read again" in text
    done = a_run(a_table(items=Counts(100, 90, 9, 1)), status=Status.REJECTS)
    text = report(done, samples(), CONTEXT)
    row = re.search(r"<th scope=\"row\">Orders</th>(.*?)</tr>", text)
    assert row
    assert re.findall(r">([^<>]+)</td>", row[1]) == ["100", "90", "9", "1", "yes"]
    assert "Orders: 9 items that had expired" in text
    assert "Orders: 1 items that the target refused" in text


def test_the_report_tells_the_verdict_and_all_runs_together() -> None:
    first = samples()
    again = (*first, replace(first[-1], at=BEGAN + 9000, resumes=True))
    text = report(RUNS["completed"], (replace(first[0], resumes=True), *again[1:]), CONTEXT)
    assert "compared by digests" in text
    assert ">equal</td>" in text
    assert "10m1s in 2 runs" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("failed", "Run the same command again"),
        ("running", "Run the same command again"),
        ("completed", "If clients wrote to the source meanwhile"),
    ],
)
def test_what_is_to_be_done_next(name: str, words: str) -> None:
    assert any(words in line for line in next_steps(RUNS[name]))


def test_a_copy_that_was_not_compared_is_to_be_validated() -> None:
    done = a_run(a_table(), status=Status.COMPLETED)
    assert any(line.startswith("Run validate") for line in next_steps(done))
    written = a_run(a_table(is_export=True), status=Status.COMPLETED)
    (line,) = next_steps(written)
    assert "--source-export" in line
    caught_up = replace(LATE, caught_up=True)
    switched = a_run(a_table(changes=caught_up), status=Status.COMPLETED)
    assert any(line.startswith("Switch the clients") for line in next_steps(switched))


def test_what_is_in_doubt_is_to_be_validated_before_the_switch() -> None:
    caught_up = replace(LATE, caught_up=True)
    table = a_table(changes=caught_up, is_doubted=True)
    doubted = a_run(table, status=Status.COMPLETED)
    (line,) = next_steps(doubted)
    assert line.startswith("Run validate --repair --delete-extra before you switch")
    assert "no: run `validate --repair --delete-extra` first" in page(doubted, ())
    settled = a_run(replace(table, validated=ValidationCounts(1)), status=Status.COMPLETED)
    assert [*next_steps(settled)][-1].startswith("Switch the clients")
    assert "yes: following ended caught up" in page(settled, ())


SEND_AGAIN, MEND_THERE = "run --rejects FILE", "the items of refused changes on the source"


@pytest.mark.parametrize(
    ("items", "changes", "told"),
    [
        (1, None, [SEND_AGAIN]),
        (1, 0, [SEND_AGAIN]),
        (0, 1, [MEND_THERE]),
        (1, 1, [MEND_THERE, SEND_AGAIN]),
    ],
)
def test_refused_items_are_sent_again_and_refused_changes_mended_at_the_source(
    items: int, changes: int | None, told: list[str]
) -> None:
    followed = None if changes is None else FollowProgress(ChangeCounts(rejected=changes))
    table = a_table(items=Counts(rejected=items), changes=followed)
    lines = [*next_steps(a_run(table, status=Status.REJECTS))]
    found = [words for line in lines for words in (SEND_AGAIN, MEND_THERE) if words in line]
    assert found == told
