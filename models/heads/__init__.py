"""One file for each kind of head: features (N, F) in, logits (N, K) of one label space out."""
