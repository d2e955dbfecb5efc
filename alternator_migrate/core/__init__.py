"""The words, the ports and the rules of pace that every package speaks with."""

__all__ = [
    "batching",
    "capacity",
    "counts",
    "durable",
    "errors",
    "jsonl_file",
    "limiter",
    "model",
    "outage",
    "pace",
    "ports",
    "progress",
    "retry",
    "runtime",
    "spread",
    "state",
    "stopping",
    "supervisor",
    "work",
]
