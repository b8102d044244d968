"""Weights in several files, as the hub keeps those of large models: an index, and a part in each shard."""

import json
import re
from pathlib import Path

from utils.errors import ConfigError

INDEX = ".index.json"
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.\w+)")


def shards_of(path: Path) -> list[Path]:
    """Return the files that together hold the weights that ``path`` names: an index, a shard, or all in one.

    Raises:
        ConfigError: a shard is missing, or the index names none.
    """
    if path.name.endswith(INDEX):
        files = _indexed(path)
    elif shard := _SHARD.fullmatch(path.name):
        stem, _, count, suffix = shard.groups()
        files = [path.with_name(f"{stem}-{n:05}-of-{count}{suffix}") for n in range(1, int(count) + 1)]
    else:
        return [path]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ConfigError(
            f"[model] pretrained = {path}: {len(missing)} of its {len(files)} shards are not beside it, such "
            f"as {missing[0]}. Download them into that folder."
        )
    return files


def _indexed(path: Path) -> list[Path]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
        files = [path.with_name(name) for name in sorted(set(names))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        files = []
    if not files:
        raise ConfigError(f"[model] pretrained = {path}: the file is no index of weights. Name their file.")
    return files
