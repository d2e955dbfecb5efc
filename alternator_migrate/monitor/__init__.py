"""Shows and steers a run from outside."""

from alternator_migrate.monitor.control import ControlServer, Reply
from alternator_migrate.monitor.control_client import ask
from alternator_migrate.monitor.control_socket import control_name, open_socket, socket_of
from alternator_migrate.monitor.judges import Judges, Throttle

__all__ = [
    "ControlServer",
    "Judges",
    "Reply",
    "Throttle",
    "ask",
    "control_name",
    "control_web",
    "history",
    "history_file",
    "html",
    "open_socket",
    "report",
    "socket_of",
    "watch",
    "web",
]
