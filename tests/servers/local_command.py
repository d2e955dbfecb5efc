"""The command that starts DynamoDB Local 2.6.1, from the files that were fetched."""

import os
import shutil
from pathlib import Path

FETCHED = "DynamoDBLocal-2.6.1.jar"
JARS = "DynamoDBLocal*.jar"
MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
FETCH = "fetch it with: python tests/fetch_dynamodb_local.py .tools/dynamodb_local"
# It tells Amazon of its use otherwise. The option for that is unknown to older jars.
SILENTLY = ("env", "DDB_LOCAL_TELEMETRY=0")


class NotInstalledError(Exception):
    """Java, 17 or newer, or the jar is missing; the message says which."""


def local_command(*options: str) -> list[str]:
    """The command of a server in memory, without its port, in a JVM with `options`.

    Raises `NotInstalledError`.
    """
    java = shutil.which("java")
    if java is None:
        raise NotInstalledError("DynamoDB Local needs java, which is not on the PATH")
    jar = _jar()
    # Maven lays all files side by side, Amazon's archive has a folder for the libraries.
    folders = [jar.parent, jar.parent / "DynamoDBLocal_lib"]
    jars = [jar, *(path for folder in folders for path in sorted(folder.glob("*.jar")))]
    library = f"-Djava.library.path={os.pathsep.join(map(str, folders))}"
    path = os.pathsep.join(map(str, jars))
    return [*SILENTLY, java, *options, library, "-cp", path, MAIN, "-inMemory"]


def _jar() -> Path:
    """The jar of DYNAMODB_LOCAL_HOME, whatever its version, or the one that was fetched."""
    home = os.environ.get("DYNAMODB_LOCAL_HOME")
    folder = Path(home or Path(__file__).parents[2] / ".tools" / "dynamodb_local").absolute()
    found = sorted(folder.glob(JARS if home else FETCHED))
    if not found:
        raise NotInstalledError(f"DynamoDB Local is not in {folder}; {FETCH}")
    return found[0]
