"""Where savepoints are: beside the configuration, or where an earlier version put them."""

from pathlib import Path

import pytest

from alternator_migrate.config.loading import Loaded, load
from alternator_migrate.savepoints.folder import where_they_are
from tests.support.begun import begun
from tests.support.configs import TEXT, changed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a configuration, whose neighbour is the working directory."""
    work, home = tmp_path / "work", tmp_path / "home"
    for folder in (work, home):
        folder.mkdir()
    monkeypatch.chdir(work)
    (home / "config.yaml").write_text(TEXT)
    return home


def folder_of(loaded: Loaded) -> Path:
    return Path(loaded.settings.savepoints.path)


def by_an_earlier_version(text: str = TEXT) -> Path:
    """A savepoint in the working directory's folder; where the work began does not matter now."""
    here = Path("config.yaml").absolute()
    here.write_text(text)
    saved = begun(here)
    here.unlink()
    assert saved.parent == Path("savepoints")
    return saved.absolute()


def test_a_relative_folder_counts_from_that_of_the_configuration(home: Path) -> None:
    loaded = where_they_are(load(home / "config.yaml", {}))
    assert folder_of(loaded) == home / "savepoints"
    assert loaded.warnings == ()
    other = load(home / "config.yaml", {}, ["savepoints.path=kept/here"])
    assert folder_of(other) == home / "kept" / "here"
    old = changed("savepoints", {"target": {"type": "filesystem", "path": "kept"}})
    (home / "config.yaml").write_text(old)
    assert folder_of(load(home / "config.yaml", {})) == home / "kept"


def test_beside_the_configuration_it_is_written_as_it_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    for name in ("config.yaml", str(home / "config.yaml")):
        assert str(folder_of(load(Path(name), {}))) == "savepoints"


def test_an_absolute_folder_and_flags_alone_stay_as_they_are(home: Path, tmp_path: Path) -> None:
    loaded = load(home / "config.yaml", {}, [f"savepoints.path={tmp_path}"])
    assert folder_of(loaded) == tmp_path
    flags = {"source.table": ("--table", "A"), "target.table": ("--table", "A")}
    types = {f"{side}.type": ("--table", "dynamodb") for side in ("source", "target")}
    places = {"target.endpoint.url": ("--target-endpoint", "http://a:1")}
    assert str(folder_of(load(None, {**flags, **types, **places}))) == "savepoints"


def test_an_older_folder_in_the_working_directory_is_used_and_told(home: Path) -> None:
    saved = by_an_earlier_version()
    loaded = where_they_are(load(home / "config.yaml", {}))
    assert folder_of(loaded).absolute() == saved.parent
    (warning,) = loaded.warnings
    assert str(saved.parent) in warning
    assert str(home / "savepoints") in warning


def test_the_older_folder_gives_way_to_the_one_beside_the_configuration(home: Path) -> None:
    by_an_earlier_version()
    begun(home / "config.yaml")
    loaded = where_they_are(load(home / "config.yaml", {}))
    assert folder_of(loaded) == home / "savepoints"
    assert loaded.warnings == ()


def test_an_older_folder_of_another_migration_is_left_alone(home: Path) -> None:
    by_an_earlier_version(changed("source.table", "Other"))
    assert folder_of(where_they_are(load(home / "config.yaml", {}))) == home / "savepoints"


def test_a_savepoint_of_scylladb_migrator_is_no_home(home: Path) -> None:
    file = home / "savepoint_1795461923.yaml"
    file.write_text(TEXT)
    assert str(folder_of(load(file, {}))) == "savepoints"
