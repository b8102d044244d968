"""Images that a finished run has labelled, to train on as well."""
