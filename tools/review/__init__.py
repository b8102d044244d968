"""Where a run is wrong, and which labels may be."""
