"""One file for each way to choose and order the training images of an epoch."""
