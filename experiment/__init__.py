"""One file for each ``--mode``, and what builds a run's pieces from its config."""
