"""Which folder has the savepoints of a configuration."""

from dataclasses import replace
from pathlib import Path

from alternator_migrate.config import Loaded, at, migration_identity, validation_identity
from alternator_migrate.savepoints.store import found


def where_they_are(loaded: Loaded) -> Loaded:
    """The configuration with the folder that holds its savepoints.

    Earlier versions counted a relative folder from the working directory. One there that has
    savepoints of this migration is used, with a warning, where the folder beside the configuration
    has none.
    """
    older, folder = loaded.beside, Path(loaded.settings.savepoints.path)
    if older is None or not _holds(older, loaded) or _holds(folder, loaded):
        return loaded
    warning = (
        f"the savepoints of this migration are in {older.absolute()}, and are used there; "
        f"savepoints.path now counts from the folder of the configuration: move them to "
        f"{folder.absolute()}, or write the path of the older folder whole"
    )
    return replace(at(loaded, older), warnings=(*loaded.warnings, warning))


def _holds(folder: Path, loaded: Loaded) -> bool:
    """Whether a folder has a savepoint of this migration, of a part or of a validation of it."""
    settings = loaded.settings
    own = migration_identity(settings), validation_identity(settings)
    return any(savepoint.migration.startswith(own) for _, savepoint in found(folder))
