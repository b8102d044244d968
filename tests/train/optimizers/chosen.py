"""Each optimiser as a config chooses it."""

from utils.registry import Component

NEEDED: dict[str, dict[str, object]] = {"TimmOptimizer": {"optimizer": "lion"}}  # options without a default


def chosen(name: str, **options: object) -> Component:
    """Return an optimiser of ours by its class's name, with what it needs beside ``options``."""
    return Component.of(name, **{**NEEDED.get(name, {}), **options})
