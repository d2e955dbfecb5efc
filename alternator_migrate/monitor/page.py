"""The status page: one document, rendered here, that a small script keeps live."""

from collections.abc import Sequence

from alternator_migrate import __version__
from alternator_migrate.core.progress import RunProgress
from alternator_migrate.core.texts import moment
from alternator_migrate.monitor import parts
from alternator_migrate.monitor.history import Sample
from alternator_migrate.monitor.html import Html, element, joined
from alternator_migrate.monitor.style import SCRIPT, STYLE


def page(run: RunProgress, samples: Sequence[Sample], controls: Html = Html()) -> str:  # noqa: B008 # immutable
    """The page of a run with the plots of `samples`; `controls` is what steers it, if anything."""
    name = parts.title(run) or run.work
    body = element(
        "body",
        element("a", "Skip to the figures", href="#overview", class_="skip"),
        _header(name, run),
        element("main", *_sections(run, samples, controls)),
        _footer(run),
        element("script", Html(SCRIPT)),
    )
    return document(f"{parts.brief_text(run)} - {name}", body, refreshes=True)


def document(title: str, body: Html, *, refreshes: bool = False) -> str:
    """A whole document with the style of page and report; one that `refreshes` is loaded again
    every few seconds where there is no script."""
    again = element("noscript", element("meta", http_equiv="refresh", content="5"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("title", title),
        element("meta", name="viewport", content="width=device-width,initial-scale=1"),
        again if refreshes else "",
        element("style", Html(STYLE)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _header(name: str, run: RunProgress) -> Html:
    gone = "The run has ended or does not answer: this is how it stood last."
    return element(
        "header",
        element("h1", name),
        element("p", gone, id="gone", class_="bad", hidden="", role="status"),
        element("p", "", id="said", class_="skip", aria_live="polite"),
        element("p", parts.brief_text(run), id="brief", hidden=""),
    )


def _sections(run: RunProgress, samples: Sequence[Sample], controls: Html) -> list[Html]:
    """The parts of the page; what is live in it is replaced part by part, `controls` never."""
    return [
        _live("overview", parts.overview(run)),
        controls,
        _live("plots", parts.plots(samples)),
        _live("live-tables", parts.tables(run)),
        _live("live-segments", parts.segments(run.tables)),
        _live("live-sides", parts.sides(run)),
        _live("live-retries", parts.causes(run.requests)),
        _live("live-engine", parts.workers(run)),
        _live("live-settings", parts.settings(run)),
        _live("live-messages", parts.messages(run)),
    ]


def _live(key: str, content: Html) -> Html:
    return element("div", content, id=key, data_live="")


def _footer(run: RunProgress) -> Html:
    saved = ""
    if run.savepoint and run.saved_at:
        saved = f"Savepoint {run.savepoint}, written {moment(run.saved_at)}. "
    links = [
        element("a", text, href=where)
        for text, where in (
            ("whole time", "/?window=whole"),
            ("last 15 minutes", "/"),
            ("JSON", "/api/v1/status"),
            ("metrics", "/metrics"),
        )
    ]
    return element(
        "footer",
        element("p", saved, id="saved", data_live=""),
        element("p", f"alternator-migrate {__version__}, started {moment(run.began)}. "),
        element("p", *(joined((link, " ")) for link in links), class_="screen"),
    )
