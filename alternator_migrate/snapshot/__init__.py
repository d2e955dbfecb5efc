"""The copy: which segments when, bounded queue, writers, ledger."""

from alternator_migrate.snapshot.copy import Copying, CopyParams
from alternator_migrate.snapshot.ledger import Ledger
from alternator_migrate.snapshot.reader import Readers, read_segments

__all__ = ["CopyParams", "Copying", "Ledger", "Readers", "read_segments"]
