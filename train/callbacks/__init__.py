"""One file for each thing that not every run needs."""
