"""The pure rooms and the small edges, each tested without any I/O but the disk."""
