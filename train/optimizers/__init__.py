"""One file for each family of optimisers."""
