"""What differs between versions of Alternator, as values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """One version's habits; the defaults are those of the 2026.x releases."""

    name_limit: int = 192
    batch_limited: bool = True
    empty_lists_refused: bool = True
    spurious_definitions_refused: bool = True
    gsi_by_update: bool = True
    hash_only_gsi_shows_range: bool = False
    table_size_shown: bool = True
    throughput_shown: bool = True
    creation_time_kept: bool = True
    capacity_checked: bool = True
    numbers_checked: bool = True
    base64_checked: bool = True
    got_type_quoted: bool = False
    index_key_texts: bool = True
    internal_tags_hidden: bool = True
    tag_texts: bool = True
    compression: bool = True
    json_413: bool = True
    parse_position: bool = True
    localnodes_filters: bool = True
    server: str | None = None
    stream_arn_is_uuid: bool = False
    disabled_stream_kept: bool = True
    put_is_remove_and_modify: bool = False
    batches_squashed: bool = False
    ttl_is_marked: bool = True


CURRENT = Dialect()

OLD = Dialect(
    name_limit=222,
    batch_limited=False,
    empty_lists_refused=False,
    spurious_definitions_refused=False,
    gsi_by_update=False,
    hash_only_gsi_shows_range=True,
    table_size_shown=False,
    throughput_shown=False,
    creation_time_kept=False,
    capacity_checked=False,
    numbers_checked=False,
    base64_checked=False,
    got_type_quoted=True,
    index_key_texts=False,
    internal_tags_hidden=False,
    tag_texts=False,
    compression=False,
    json_413=False,
    parse_position=False,
    localnodes_filters=False,
    server="Seastar httpd",
    stream_arn_is_uuid=True,
    disabled_stream_kept=False,
    put_is_remove_and_modify=True,
    batches_squashed=True,
    ttl_is_marked=False,
)
"""ScyllaDB 5.1, as seen on a running server."""
