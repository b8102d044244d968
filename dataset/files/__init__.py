"""Which image files there are, and which of them a name means."""
