"""One file for each way in which the answers in one label space may depend on another's."""
