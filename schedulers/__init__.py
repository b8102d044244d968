"""One file for each learning-rate schedule; durations are in epochs, applied at every step."""
