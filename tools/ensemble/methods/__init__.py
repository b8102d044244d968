"""Every ensemble that a config can choose, one a file."""
