"""Pure parts of exports."""
