"""Names of tables that are used once, whatever else runs on the same servers."""

import re
import uuid

LABEL_LENGTH = 60


def unique_name(label: str) -> str:
    """A table name that no other call returns, here or elsewhere; it begins with `label`."""
    fit = re.sub(r"[^A-Za-z0-9_.-]", "_", label)[:LABEL_LENGTH]
    return f"{fit}_{uuid.uuid4().hex[:12]}"
