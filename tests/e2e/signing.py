"""Profiles of the AWS files, and who signed what arrived."""

import configparser
import re
from pathlib import Path

from tests.servers.proxy import FaultProxy


def with_files(folder: Path, **sections: dict[str, str]) -> dict[str, str]:
    """Write an AWS configuration with these profiles; returns the environment that has it."""
    parser = configparser.ConfigParser()
    parser.read_dict({f"profile {name}": content for name, content in sections.items()})
    path = folder / "aws-config"
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)
    return {"AWS_CONFIG_FILE": str(path)}


def signers(proxy: FaultProxy, *operations: str) -> set[str]:
    """The access keys of all signed requests, or of those for `operations`."""
    log = [each for each in proxy.log if not operations or each.operation in operations]
    headers = [each.request.headers.get("Authorization", "") for each in log]
    return {found[1] for each in headers if (found := re.search("Credential=([^/]+)/", each))}
