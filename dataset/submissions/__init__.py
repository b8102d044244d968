"""One file for each way to hand answers in."""
