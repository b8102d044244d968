"""Several processes that train the members of a run over folds side by side."""
