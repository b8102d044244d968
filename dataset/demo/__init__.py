"""Drawn demo data."""
