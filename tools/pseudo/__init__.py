"""Images labelled by a finished run."""
