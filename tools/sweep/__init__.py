"""Looks for the best settings of a config: trials, each an ordinary run."""
