"""One file for each way to score answers."""
