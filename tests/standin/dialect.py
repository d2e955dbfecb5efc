"""What differs between versions of Alternator, as values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """One version's habits; the defaults are those of the 2026.x releases.

    odd_shape: what a request says whose JSON is not of the shape that is looked for.
    nothing: the body of an answer that says nothing, as that of TagResource.
    """

    name_limit: int = 192
    batch_limited: bool = True
    empty_batches_refused: bool = True
    empty_lists_refused: bool = True
    empty_names_refused: bool = True
    empty_tags_refused: bool = False
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
    odd_shape: str = "JSON assert failed on condition 'IsObject()', at: 0x1"
    lists_checked: bool = True
    failed_condition: str = "The conditional request failed"
    nothing: bytes = b""
    deleted_is_described: bool = False
    logs_are_listed: bool = False
    many_are_chunked: bool = True
    localnodes_filters: bool = True
    server: str | None = None
    stream_arn_is_uuid: bool = False
    disabled_stream_kept: bool = True
    put_is_remove_and_modify: bool = False
    first_event_id_is_garbage: bool = False
    batches_squashed: bool = False
    ttl_is_marked: bool = True


CURRENT = Dialect()

OLD = Dialect(
    name_limit=222,
    batch_limited=False,
    empty_batches_refused=False,
    empty_lists_refused=False,
    empty_names_refused=False,
    empty_tags_refused=True,
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
    odd_shape="JSON error: condition not met: IsObject()",
    lists_checked=False,
    failed_condition="Failed condition.",
    nothing=b'""',
    deleted_is_described=True,
    logs_are_listed=True,
    many_are_chunked=False,
    localnodes_filters=False,
    server="Seastar httpd",
    stream_arn_is_uuid=True,
    disabled_stream_kept=False,
    put_is_remove_and_modify=True,
    first_event_id_is_garbage=True,
    batches_squashed=True,
    ttl_is_marked=False,
)
"""ScyllaDB 5.1 and 5.4, as seen on running servers."""
