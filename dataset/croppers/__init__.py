"""One file for each way to choose the part of an image that is kept."""
