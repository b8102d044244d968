"""One prediction of several finished runs."""
