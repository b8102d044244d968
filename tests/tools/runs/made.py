"""Folders of runs as training leaves them, without training."""

import json
from pathlib import Path

from tests.experiment.smallest import SMALLEST
from utils.durable import write_json


def made_run(
    folder: Path,
    *,
    score: float | None = 0.5,
    metric: str = "macro_f1",
    epochs: int = 3,
    who: str = "Ann",
    members: int = 0,
    **changes: str,
) -> Path:
    """Write a run; ``changes`` are ``section__key`` of its config."""
    folder.mkdir(parents=True)
    config = SMALLEST
    for key, value in changes.items():
        section, _, name = key.rpartition("__")
        section = section.replace("__", ".")
        lines = [
            line
            for line in config.splitlines()
            if not line.startswith(f"{name} =") or f"[{section}]" not in config
        ]
        config = "\n".join(lines) + "\n"
        if f"[{section}]" in config:
            config = config.replace(f"[{section}]\n", f"[{section}]\n{name} = {value}\n")
        else:
            config += f"[{section}]\n{name} = {value}\n"
    (folder / "config.ini").write_text(config, encoding="utf-8")
    environment = {"started": "2026-11-26T08:00:00+00:00", "commit": "abcdef0123456789", "who": who}
    write_json(folder / "environment.json", environment)
    (folder / "log.txt").write_text("TinyNet with all heads: 0.01 GMACs = 0.02 GFLOPs, 1.5 million weights\n")
    for number in range(members):
        made_run(folder / f"fold-{number}", score=score, epochs=epochs)
    if not members:
        entries = [
            {"epoch": i + 1, "train_loss": 1 / (i + 1), "loss": 0.9, metric: 0.1 * i, "seconds": 30.0}
            for i in range(epochs)
        ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    if score is not None:
        scores = {metric: score, "accuracy": 0.9, "loss": 1.0}
        intervals = {metric: [score - 0.02, score + 0.02], "accuracy": [0.8, 0.95]}
        lower = [name for name in scores if name in ("mae", "loss")]
        write_json(
            folder / "scores.json", {"scores": scores, "intervals": intervals, "lower_is_better": lower}
        )
    return folder
