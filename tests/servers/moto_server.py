"""moto's server in a thread of the test process: DynamoDB, S3 and STS on one free port."""

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def moto_server() -> Iterator[str]:
    """Run a server and yield its URL. Tables are kept apart by region, not by access key.

    Raises `ModuleNotFoundError` where moto is not installed. moto is imported here, and not with
    this module, because that takes seconds.
    """
    # One line a request would bury what a failing test has to say.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = importlib.import_module("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
