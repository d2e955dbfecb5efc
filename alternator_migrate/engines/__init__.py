"""Engines: where the work of a run is done, in this event loop or by workers elsewhere."""
