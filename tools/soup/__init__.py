"""The mean of several runs' weights."""
