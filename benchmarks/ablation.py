"""What one change at a time does to a small recipe, and whether that is more than the noise of the seeds.

    PODIUM_DATA=/path/to/data python -m benchmarks.ablation --seeds 3 --minutes 60

Every variant is a run of its own with each seed, by ``run.py`` and nothing else; a seed also deals the people
anew, and a variant is only compared with the base run of the same seed. Finished runs are kept in
``runs/ablation`` and not repeated, so it may be stopped and called again. It writes ``docs/ablation.md``, the
table, and ``docs/ablation.png``, the same as a picture.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tqdm import tqdm

RECIPE = Path("recipes/mask/scratch_15_minutes.ini")
RUNS, TABLE, PICTURE = Path("runs/ablation"), Path("docs/ablation.md"), Path("docs/ablation.png")
# The recipe made small, and as it was before this table changed it: 1 to 2 minutes of one core for each run,
# 77,760 images in each.
SMALL = {
    "task.soft_age": "0",
    "images.size": "64, 64",
    "augmentation.ProgressiveResizing.scale": "1",
    "model.widths": "16, 32, 64, 128",
    "model.blocks": "1, 1, 1, 1",
    "train.epochs": "9",
    "callback.TensorBoard.worst": "1",
}
VARIANTS: dict[str, dict[str, str]] = {
    "loss: cross-entropy": {"loss.name": "CrossEntropy"},
    "loss: focal": {"loss.name": "Focal"},
    "loss: focal + label smoothing": {"loss.name": "FocalLabelSmoothing"},
    "loss: 0.4 F1 + 0.6 focal": {"loss.name": "Sum"},
    "age weights: none": {"loss.age.class_weights": "none"},
    "age weights: balanced": {"loss.age.class_weights": "balanced"},
    "sampler: every image": {"sampler.name": "EveryImage", "train.epochs": "5"},
    "sampler: weighted, power 0.5": {
        "sampler.name": "Weighted", "sampler.power": "0.5", "train.epochs": "5",
    },
    "sampler: one photo with a mask": {"sampler.limit": "1", "train.epochs": "12"},
    "age line at 58": {"task.train_age_boundaries": "30, 58"},
    "ages 57-59 dropped": {"task.drop_ages": "57-59"},
    "ages 55-59 dropped": {"task.drop_ages": "55-59"},
    "soft ages, 2 years": {"task.soft_age": "2"},
    "soft ages, 4 years": {"task.soft_age": "4"},
    "two-layer heads": {"head.name": "Shallow"},
    "SAM, half the epochs": {"callback.SAM.rho": "0.05", "train.epochs": "5"},
    "CutMix, always": {"augmentation.CutMix.probability": "0.5"},
    "CutMix, until epoch 6": {"augmentation.CutMix.probability": "0.5", "augmentation.CutMix.to_epoch": "6"},
    "half-image CutMix, until epoch 6": {
        "augmentation.HalfCutMix.probability": "0.5", "augmentation.HalfCutMix.to_epoch": "6",
    },
    "no random erasing": {"augmentation.RandomErasing.probability": "0"},
    "no EMA": {"callback.EMA.decay": "0"},
    "EMA: 0.99 a step": {"callback.EMA.decay": "0.99"},
    "SGD, lr 0.1": {"optimizer.name": "SGD", "optimizer.lr": "0.1"},
    "AdamP": {"optimizer.name": "AdamP", "optimizer.lr": "0.004", "optimizer.weight_decay": "0.05"},
    "Lion, lr 0.0006": {
        "optimizer.name": "TimmOptimizer", "optimizer.optimizer": "lion", "optimizer.lr": "0.0006",
        "optimizer.weight_decay": "0.3",
    },
    "lr 0.002": {"optimizer.lr": "0.002"},
    "lr 0.008": {"optimizer.lr": "0.008"},
}  # fmt: skip
BASE = "the small recipe"
SCORES = ("macro_f1", "accuracy")


@dataclass(frozen=True, slots=True)
class Effect:
    """A variant's scores (seeds), and its differences from the base run of the same seed."""

    name: str
    scores: np.ndarray  # type: ignore[type-arg]
    differences: np.ndarray  # type: ignore[type-arg]


def finished(folder: Path) -> dict[str, float] | None:
    """Return the scores of a run's last epoch, or None if it has not finished.

    The last epoch, not the best one: the best of several noisy scores flatters noisy variants.
    """
    versions = sorted(path.parent for path in folder.glob("*/scores.json"))
    if not versions:
        return None
    lines = (versions[-1] / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last: dict[str, float] = json.loads(lines[-1])
    return last


def slug(variant: str, seed: int) -> str:
    """Return the name of a run, fit for a folder."""
    return "".join(c if c.isalnum() else "_" for c in variant) + f"-seed{seed}"


def train(variant: str, seed: int) -> None:
    """Train one run in a process of its own with one thread, so that runs side by side don't disturb."""
    changes = SMALL | VARIANTS.get(variant, {})
    changes |= {"run.seed": str(seed), "run.name": slug(variant, seed), "paths.runs": str(RUNS)}
    arguments = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "run.py", "--config", str(RECIPE), *arguments]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr[-2000:]}")


def train_all(seeds: int, minutes: float, jobs: int) -> None:
    """Train what is not there yet, all variants of a seed before the next seed, while time is left."""
    todo = [
        (variant, seed)
        for seed in range(1, seeds + 1)
        for variant in (BASE, *VARIANTS)
        if finished(RUNS / slug(variant, seed)) is None
    ]
    end = time.monotonic() + minutes * 60
    bar = tqdm(total=len(todo), unit="run")

    def train_in_time(pair: tuple[str, int]) -> None:
        if time.monotonic() < end:
            train(*pair)
            bar.update()

    with bar, ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(train_in_time, todo):
            pass


def effects(score: str, seeds: int) -> list[Effect]:
    """Return the base and every variant that has at least two runs, the best first."""
    scores_of = {}
    for variant in (BASE, *VARIANTS):
        runs = {seed: finished(RUNS / slug(variant, seed)) for seed in range(1, seeds + 1)}
        scores_of[variant] = {seed: run[score] for seed, run in runs.items() if run is not None}

    base = scores_of[BASE]
    result = []
    for variant, by_seed in scores_of.items():
        both = sorted(base.keys() & by_seed.keys())
        if len(both) >= 2:
            scores = np.array([by_seed[seed] for seed in both])
            result.append(Effect(variant, scores, scores - [base[seed] for seed in both]))
    return sorted(result, key=lambda effect: -effect.differences.mean())


def noise(effects: Sequence[Effect]) -> float:
    """Return the standard deviation of a difference between two runs of one seed, over all variants.

    Three seeds say little about the spread of one variant; all of them together say a lot.
    """
    spreads = [effect.differences.var(ddof=1) for effect in effects if effect.name != BASE]
    return float(np.sqrt(np.mean(spreads)))


def lines(effects_by_score: Mapping[str, Sequence[Effect]]) -> Iterator[str]:
    """Yield the report in Markdown."""
    spread = {score: noise(effects) for score, effects in effects_by_score.items()}
    others = {effect.name: effect for effect in effects_by_score[SCORES[1]]}
    yield "| change | seeds | macro-F1 | sd | difference | beyond noise | accuracy | difference |"
    yield "|---|---|---|---|---|---|---|---|"
    for effect in effects_by_score[SCORES[0]]:
        count, mean = len(effect.scores), effect.differences.mean()
        other = others[effect.name]
        verdict = "" if effect.name == BASE else beyond(mean, spread[SCORES[0]], count)
        yield (
            f"| {effect.name} | {count} | {effect.scores.mean():.4f} | {effect.scores.std(ddof=1):.4f} "
            f"| {mean:+.4f} | {verdict} | {other.scores.mean():.4f} | {other.differences.mean():+.4f} |"
        )


def beyond(mean: float, spread: float, count: int) -> str:
    """Return whether a mean difference is more than two of its standard errors."""
    if abs(mean) <= 2 * spread / np.sqrt(count):
        return "no"
    return "better" if mean > 0 else "worse"


def report(seeds: int, path: Path = TABLE) -> None:
    """Write the table and its explanation."""
    by_score = {score: effects(score, seeds) for score in SCORES}
    spread = noise(by_score["macro_f1"])
    small = "\n".join(f"    {key} = {value}" for key, value in SMALL.items())
    text = f"""# One change at a time

`{RECIPE}` made small (one thread a run), and without the soft ages
that it got from this table:

{small}

Scores are those of the last epoch on the validation people, by the organiser's labels. A seed also deals the
people into folds, so a variant is held against the base run of the same seed only. The difference between two
runs of one seed has a standard deviation of {spread:.4f} macro-F1, measured over all variants together;
"beyond noise" means more than two standard errors of the mean, which with this many rows happens about once
by chance alone. All variants see about as many images as the base, whatever their epochs are.

{chr(10).join(lines(by_score))}

Made by `PODIUM_DATA=... python -m benchmarks.ablation --seeds {seeds}` on photographs of 2,700 real faces in
the competition's layout (masks drawn).

![The same as a picture](ablation.png)
"""
    path.write_text(text, encoding="utf-8")
    FigureCanvasAgg(draw(by_score["macro_f1"], spread)).print_png(PICTURE)


def draw(effects: Sequence[Effect], spread: float) -> Figure:
    """Return a figure: a dot for each run's difference, a bar of two standard errors around the mean."""
    figure = Figure(figsize=(7.5, 0.5 + 0.24 * len(effects)), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for row, effect in enumerate(reversed(effects)):
        mean = effect.differences.mean()
        error = 0.0 if effect.name == BASE else 2 * spread / np.sqrt(len(effect.differences))
        axes.errorbar(mean, row, xerr=error, fmt="D", color="tab:blue", markersize=4, capsize=2)
        axes.plot(effect.differences, [row] * len(effect.differences), ".", color="grey", markersize=4)

    axes.set_yticks(range(len(effects)), [effect.name for effect in reversed(effects)], fontsize=7)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_xlabel("difference in validation macro-F1 from the base run of the same seed", fontsize=8)
    axes.grid(axis="x", alpha=0.3)
    return figure


def main() -> None:
    """Train what is missing, then write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds of every variant (default 3)")
    parser.add_argument("--minutes", type=float, default=60, help="no run is begun after these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at once (default: the cores)")
    arguments = parser.parse_args()
    train_all(arguments.seeds, arguments.minutes, arguments.jobs)
    report(arguments.seeds)
    print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
