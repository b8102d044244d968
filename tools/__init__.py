"""A room for each thing that works on finished runs: without it the rest still trains and submits."""
