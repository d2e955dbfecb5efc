"""Move Amazon DynamoDB tables to ScyllaDB Alternator."""

__version__ = "0.1.0"
