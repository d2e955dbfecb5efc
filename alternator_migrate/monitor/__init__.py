"""Shows a run to those who look at it from outside: status page, metrics, report."""

__all__ = [
    "history",
    "history_file",
    "hosts",
    "html",
    "report",
    "watch",
    "web",
]
