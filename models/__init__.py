"""One file for each kind of model: images in, a dict of logits (N, K) by label space out."""
