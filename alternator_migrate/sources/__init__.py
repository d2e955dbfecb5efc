"""Sources: where items are read from."""
