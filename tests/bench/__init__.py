"""The figures users rely on, measured: CPU an item, peak memory, start-up, and a real source."""
