"""One file for each layout of an organiser's data folder."""
