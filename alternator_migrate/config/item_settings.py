"""The sections of a configuration that say what becomes of an item's attributes."""

from dataclasses import dataclass

from alternator_migrate.config.kinds import key, list_of, text


@dataclass(frozen=True, slots=True)
class AttributesSettings:
    """The attributes of an item that are copied: names, or globs in which * stands for any
    characters and ? for one. Key attributes are always copied."""

    drop: tuple[str, ...] = key(
        list_of(text), "attributes to leave out, such as aws:rep:*; not of the key", default=()
    )
    keep: tuple[str, ...] = key(
        list_of(text), "the only attributes to copy, beside the key", default=()
    )
