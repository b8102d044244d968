"""From a file to the pixels that are kept of it."""
