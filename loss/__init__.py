"""One file for each loss: logits and targets (N, K) of one label space in, one number out."""
