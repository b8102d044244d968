"""Weights of runs in a folder or bucket that a team shares, while git carries their text."""
