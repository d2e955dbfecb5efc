"""The ports that read and enable streams, over every kind of server."""
