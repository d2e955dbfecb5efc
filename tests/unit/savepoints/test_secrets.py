"""Secrets: nowhere on disk, and where they come from when a run goes on."""

from pathlib import Path

import pytest

from alternator_migrate.config.loading import load
from alternator_migrate.core.errors import ConfigError
from alternator_migrate.core.state import ExportState
from tests.support.begun import begun, goes_on, written
from tests.support.configs import TEXT, changed

SECRET, TOKEN = "hush-secret/+=", "hush-token"
LOGIN = {"accessKey": "alice", "secretKey": SECRET, "sessionToken": TOKEN}


def on_disk(folder: Path, config: Path) -> str:
    """All that files of a folder say, the configuration excepted."""
    files = (path for path in folder.rglob("*") if path.is_file() and path != config)
    return "\n".join(path.read_text() for path in files)


@pytest.mark.parametrize(
    "secret",
    [SECRET, "hush$${x}", "hush${EMPTY:-}", "${EMPTY:-hush}", "${EMPTY}hush", "hush\nhush"],
)
def test_literal_secrets_are_nowhere_on_disk_and_come_back_from_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    login = {**LOGIN, "secretKey": secret}
    text = changed("target.credentials", login, changed("source.credentials", login))
    export = {"bucket": "b-1", "credentials": login}
    path = written(tmp_path, changed("source.export", export, text))
    saved = begun(path, export=ExportState("asked"))
    assert "hush" not in on_disk(tmp_path, path)
    settings, before = load(saved, {}).settings, load(path, {}).settings
    for side in ("source", "target"):
        assert getattr(settings, side).credentials == getattr(before, side).credentials
    assert settings.source.export == before.source.export
    assert "hush" not in repr(load(saved, {}))


def test_variables_stay_unexpanded_and_are_looked_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"accessKey": "${WHO}", "secretKey": "${HUSH}"}
    path = written(
        tmp_path, changed("target.credentials", login, changed("source.table", "${TABLE:-From}"))
    )
    for name, value in (("WHO", "alice"), ("HUSH", SECRET)):
        monkeypatch.setenv(name, value)
    saved = begun(path)
    assert SECRET not in on_disk(tmp_path, path)
    assert '"secretKey": "${HUSH}"' in saved.read_text()
    assert '"table": "${TABLE:-From}"' in saved.read_text()
    path.unlink()
    monkeypatch.setenv("HUSH", "another")
    credentials = load(saved, {}).settings.target.credentials
    assert credentials
    assert (credentials.access_key, credentials.secret_key) == ("alice", "another")


def test_secrets_of_the_command_line_are_nowhere_on_disk(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    sets = [f"target.credentials.{name}={value}" for name, value in LOGIN.items()]
    saved = begun(path, *sets)
    assert "hush" not in on_disk(tmp_path, path)
    with pytest.raises(ConfigError, match="secretKey"):
        load(saved, {})
    assert goes_on(saved, *sets) == goes_on(path, *sets) == saved


def test_a_missing_configuration_with_secrets_is_a_mistake_that_names_the_key(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, changed("target.credentials", LOGIN))
    saved = begun(path)
    path.unlink()
    with pytest.raises(ConfigError, match="secretKey"):
        load(saved, {})
