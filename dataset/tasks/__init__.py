"""One file for each competition: its labels, its classes and its submission."""
