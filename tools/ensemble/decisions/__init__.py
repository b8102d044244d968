"""Every decision that a config can choose, one a file."""
