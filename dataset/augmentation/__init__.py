"""One file for each augmentation: random changes to a whole batch of training images."""
