"""What a crash of the machine must not undo."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make new and renamed files of a folder durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
