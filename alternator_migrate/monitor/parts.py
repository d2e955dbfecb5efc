"""The parts that page and report have in common, each made of one snapshot."""

from collections.abc import Iterator, Sequence
from typing import Final

from alternator_migrate.core.durations import Durations
from alternator_migrate.core.progress import Progress, RatesNow, Reason, RunProgress
from alternator_migrate.core.requests import RequestFigures
from alternator_migrate.core.segments import SegmentFigures
from alternator_migrate.core.state import Status
from alternator_migrate.core.texts import (
    brief,
    duration,
    lag_text,
    moment,
    size_text,
    without_items,
)
from alternator_migrate.core.totals import total
from alternator_migrate.monitor.history import Sample
from alternator_migrate.monitor.html import Html, element, facts, joined, section, table
from alternator_migrate.monitor.plots import Series, plot, segments_picture, skew_text

_MOST_MESSAGES: Final = 20
_PICTURES: Final = 2
_PLOTS: Final[Sequence[tuple[str, str, Sequence[Series]]]] = (
    (
        "Throughput",
        "items",
        (Series("items/s", lambda s: s.items / s.seconds, lambda v: f"{v:,.0f}/s"),),
    ),
    (
        "Changes",
        "changes",
        (Series("changes/s", lambda s: s.changes / s.seconds, lambda v: f"{v:,.0f}/s", rare=True),),
    ),
    (
        "Latency of requests",
        "latency",
        (
            Series("source, median", lambda s: s.source_median, brief),
            Series("source, 95 %", lambda s: s.source_slow, brief),
            Series("target, median", lambda s: s.target_median, brief),
            Series("target, 95 %", lambda s: s.target_slow, brief),
        ),
    ),
    (
        "Throttled and failed requests",
        "throttled",
        (
            Series("throttled/s", lambda s: s.throttled / s.seconds, lambda v: f"{v:,.1f}/s"),
            Series("failed/s", lambda s: s.failed / s.seconds, lambda v: f"{v:,.1f}/s"),
        ),
    ),
    ("Lag of the target", "lag", (Series("lag", lambda s: s.lag, brief),)),
    (
        "Changes that wait",
        "waiting",
        (Series("changes", lambda s: s.waiting, lambda v: f"{v:,.0f}", rare=True),),
    ),
)


def title(run: RunProgress) -> str:
    """What is moved: one table by its names, several by their number."""
    if not run.tables:
        return ""
    if len(run.tables) > 1:
        return f"{len(run.tables)} tables"
    [only] = run.tables
    return f"{only.source} → {only.target}"


def brief_text(run: RunProgress) -> str:
    """How the run stands, in one sentence."""
    left, fraction = run.now.seconds_left, total(run.tables).fraction
    parts = [run.state, f"{fraction:.1%} done"]
    if run.status == Status.RUNNING and left is not None and fraction < 1:
        parts.append(f"{duration(left)} left")
    if run.lag is not None:
        parts.append(f"lag {lag_text(run.lag)}")
    return ", ".join(parts)


def overview(run: RunProgress) -> Html:
    """State and reasons, how much is done, rates, the time left, and whether to switch."""
    ended, whole = run.status != Status.RUNNING, total(run.tables)
    left = "-" if run.now.seconds_left is None else duration(run.now.seconds_left)
    expected = f" of {whole.expected:,}" if whole.expected > whole.handled else ""
    percent = f"{whole.fraction:.1%}"
    is_validated = whole.phase == "Validate"
    pairs = [
        ("Tables", whole.standing if len(run.tables) > 1 else ""),
        ("Step", _step_text(run.tables)),
        (
            "Compared, of both sides" if is_validated else "Items done",
            f"{whole.handled:,}{expected} ({percent})",
        ),
        ("Now", "" if ended else _now_text(run.now, whole)),
        ("On average", f"{run.speed:,.0f} items/s"),
        ("Time left", "" if ended or whole.fraction == 1 else left),
        ("Running for", duration(run.seconds)),
        ("Paused for", duration(run.paused_seconds) if run.paused_seconds else ""),
        ("Lag", lag_text(run.lag) if whole.changes else ""),
        ("Changes waiting", f"{whole.changes.waiting:,}" if whole.changes else ""),
        ("Limited by", whole.limit),
        ("Backlog", f"{whole.backlog:,} batches"),
        ("Retries", f"{whole.retries:,}"),
        ("Rejected", f"{whole.rejected:,}"),
        ("Switch clients now?", switch_text(run)),
    ]
    bar = element(
        "progress", percent, max="1", value=f"{whole.fraction:.4f}", aria_label=f"{percent} done"
    )
    return joined((state_line(run), bar, facts(pairs)))


def _step_text(tables: Sequence[Progress]) -> str:
    """The step of a single table's work."""
    number, count = tables[0].step if len(tables) == 1 else (0, 0)
    return f"{number} of {count}" if number else ""


def _now_text(rates: RatesNow, whole: Progress) -> str:
    """What is done in a second: items, or, when all are copied, changes."""
    if whole.changes and whole.fraction == 1:
        return f"{rates.changes:,.0f} changes/s"
    return f"{rates.items:,.0f} items/s, {size_text(rates.size)}/s"


def state_line(run: RunProgress) -> Html:
    """The state, and why it is what it is."""
    words = run.state if run.tables or run.status != Status.RUNNING else "preparing"
    lines = [element("p", words, class_=f"state {_mood(run)}")]
    if run.status == Status.RUNNING:
        lines += [element("p", _reason_text(each), class_="warn") for each in run.all_reasons]
    lines += [element("p", without_items(run.error), class_="bad words")] if run.error else []
    return joined(lines)


def switch_text(run: RunProgress) -> str:
    """Whether clients may be switched to the target, and if not, what is to be done before."""
    if run.can_switch:
        return "yes: following ended caught up"
    if run.is_doubted and run.status == Status.COMPLETED:
        return "no: run `validate --repair --delete-extra` first"
    follows = any(table.changes for table in run.tables)
    if follows and run.status == Status.RUNNING:
        return "no: stop the writers, then let it end with --until-caught-up"
    if run.status == Status.COMPLETED and not follows:
        is_known = all(table.validated for table in run.tables)
        return f"only if nothing wrote to the source{'' if is_known else ': `validate` tells'}"
    return "no"


def plots(samples: Sequence[Sample]) -> Html:
    """The plots of some samples."""
    drawn = [plot(name, samples, series, key) for name, key, series in _PLOTS]
    return element("div", *drawn, class_="plots") if any(drawn) else Html()


def segments(tables: Sequence[Progress]) -> Html:
    """Where in the hash range what is done, for the tables that run; and how long it took."""
    left = [each for each in tables if each.segments_done < each.segments_total]
    begun = [each for each in left if any(c.done or c.running for c in each.segments.cells)]
    chosen = tables if len(tables) == 1 else begun
    parts: list[str] = []
    for each in chosen[:_PICTURES]:
        picture = segments_picture(each.segments)
        if picture and len(tables) > 1:
            parts.append(element("h3", each.source))
        skew = skew_text(each.segments)
        parts += [picture, element("p", f"Time of a segment: {skew}", class_="dim") if skew else ""]
    durations = sum((each.segments for each in tables), SegmentFigures())
    if len(tables) > 1 and (skew := skew_text(durations, of_many=True)):
        parts.append(element("p", f"Time of a segment, all tables: {skew}", class_="dim"))
    return section("Segments", *parts, key="segments")


def tables(run: RunProgress) -> Html:
    """A row a table, those that need a look first."""
    heads = ("Table", "State", "Done", "Items", "Rejected", "Items/s", "Retries", "Lag", "Left")
    ended = run.status != Status.RUNNING
    order = {Status.FAILED: 0, Status.RUNNING: 1, Status.WAITING: 2}
    rows = sorted(run.tables, key=lambda table: (order.get(table.status, 3), table.source))
    return section(
        "Tables",
        table(
            "State and figures of each table",
            heads,
            (_row(table, ended=ended) for table in rows),
            numbers=7,
        )
        if rows
        else "",
        key="tables",
    )


def sides(run: RunProgress) -> Html:
    """Requests by operation, and the nodes."""
    heads = ("Requests", "Answered", "Throttled", "Failed", "Median", "95 %", "99 %")
    known = sorted(run.sides.items())  # the source comes first
    rows = [
        (f"{role}: {name}", f"{figures.answered:,}", f"{figures.throttled + figures.partly:,}",
         f"{figures.failed:,}", *_percentiles(figures.latency))
        for role, side in known
        for name, figures in side.requests.operations
    ]  # fmt: skip
    caption = "Requests of this run and their latency, by side and operation"
    nodes = [(url, role, state) for role, side in known for url, state in side.nodes]
    caps = [
        (f"Cap of the {role}", f"{side.cap:g} units/s")
        for role, side in known
        if side.cap is not None
    ]
    return section(
        "Source and target",
        facts(caps) if caps else "",
        table(caption, heads, rows, numbers=6) if rows else "",
        table("Nodes", ("Node", "Side", "State"), nodes) if nodes else "",
        key="sides",
    )


def causes(requests: RequestFigures) -> Html:
    """Why requests were repeated, in the servers' last words, the newest first."""
    found = sorted(requests.causes, key=lambda cause: -cause.last)
    rows = [
        (element("span", without_items(cause.words), class_="words"), f"{cause.count:,}",
         moment(cause.first), moment(cause.last))
        for cause in found
    ]  # fmt: skip
    heads = ("In the server's words", "Times", "First", "Last")
    caption = "Causes of retries, the newest first"
    return section("Retries", table(caption, heads, rows, numbers=3) if rows else "", key="retries")


def workers(run: RunProgress) -> Html:
    """Where the work is done."""
    rows = [
        (each.name, "busy" if each.busy else "idle", f"{each.items:,}", f"{each.segments:,}")
        for each in run.workers
    ]
    heads = ("Worker", "State", "Items", "Segments")
    return section(
        "Engine",
        element("p", run.engine) if run.engine else "",
        table("Workers and their slice under way", heads, rows, numbers=2) if rows else "",
        key="engine",
    )


def settings(run: RunProgress) -> Html:
    """The settings in force."""
    rows = [
        (setting.key, setting.value,
         f"was {setting.before} until {moment(setting.since)}" if setting.since else "")
        for setting in run.settings
    ]  # fmt: skip
    heads = ("Setting", "Value", "Changed")
    return section(
        "Settings", table("Settings in force", heads, rows) if rows else "", key="settings"
    )


def messages(run: RunProgress) -> Html:
    """The last lines of the log, the newest first."""
    lines = [
        element(
            "li", f"{moment(each.at)} {without_items(each.words)}", class_=_severity(each.level)
        )
        for each in reversed(run.messages[-_MOST_MESSAGES:])
    ]
    return section("Messages", element("ul", *lines) if lines else "", key="messages")


def _row(each: Progress, *, ended: bool) -> Sequence[str]:
    """What a table's row says; at the end of a run its speed is that on average."""
    changes = each.changes
    is_running = each.status == Status.RUNNING and not ended
    left = each.now.seconds_left if is_running else None
    name = each.source if each.source == each.target else f"{each.source} → {each.target}"
    state = each.state if each.status == Status.RUNNING else str(each.status)
    paced = each.paced if is_running else ""
    words = ": ".join(filter(None, (state, without_items(each.error) or paced)))
    return (
        name,
        element("span", words, class_="bad words") if each.error else words,
        f"{each.fraction:.1%}",
        f"{each.handled:,}",
        f"{each.rejected:,}",
        f"{each.now.items if is_running else each.speed:,.0f}",
        f"{each.retries:,}",
        lag_text(changes.lag) if changes else "-",
        "-" if left is None or each.fraction == 1 else duration(left),
    )


def _percentiles(latency: Durations) -> Iterator[str]:
    for share in (0.5, 0.95, 0.99):
        found = latency.percentile(share)
        yield "-" if found is None else brief(found)


def _reason_text(reason: Reason) -> str:
    since = f", since {moment(reason.since)}" if reason.since else ""
    return f"{without_items(reason.text)}{since}"


def _mood(run: RunProgress) -> str:
    if run.status == Status.FAILED or any(table.status == Status.FAILED for table in run.tables):
        return "bad"
    if run.is_paused or run.status in (Status.STOPPED, Status.REJECTS, Status.DIFFERENCES):
        return "warn"
    return "good"


def _severity(level: str) -> str | None:
    return {"warning": "warn", "error": "bad", "critical": "bad"}.get(level)
