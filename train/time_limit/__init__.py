"""A run that is complete in time."""
