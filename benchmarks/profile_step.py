"""Where the time of a training step goes, as docs/profile.png: ``python -m benchmarks.profile_step``.

It watches a real run with torch's profiler for some steps after the first ones. The profiler itself makes a
step a little slower; the shares are what counts.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.data import data_folder, kind_of, lay_out, work_folder, write_config
from benchmarks.rows import aligned
from benchmarks.turns import Peer, say

PICTURE = Path("docs/profile.png")
MODELS = ("mobilenetv3_small_050", "resnet18")
SKIPPED = 2  # steps before those that are watched
# Podium's own functions that are a part of their own, where there are such.
MARKED = {
    "reading the batch": ("dataset.images.store", "ImageStore", "batch"),
    "augmentation": ("dataset.augmentation.base", "Augmenter", "__call__"),
}
# A part of the rest, by what its own name or that of an operation around it has in it, in this order.
KINDS = {
    "optimiser": ("Optimizer.step", "adam", "sgd", "zero_grad"),
    "convolutions": ("conv",),
    "batch norms": ("batch_norm", "batchnorm"),
    "linear layers and loss": ("addmm", "linear", "log_softmax", "nll_loss", "cross_entropy"),
}
REST, PYTHON = "activations and other operations", "Python, and what runs beside"


def part_of(names: Sequence[str]) -> str:
    """Return the part that an operation belongs to, from its name and those of what it is in."""
    for name in names:
        if name in MARKED:
            return name
    backward = ", backward" if any(name.startswith("autograd::engine") for name in names) else ", forward"
    for kind, words in KINDS.items():
        if any(word.lower() in name.lower() for word in words for name in names):
            return kind if kind == "optimiser" else kind + backward
    return REST + backward


def shares(events: Iterable[Any], seconds: float) -> dict[str, float]:
    """Return percent of ``seconds`` by part, most first, from the profiler's events."""
    seconds_of: dict[str, float] = defaultdict(float)
    for event in events:
        names, caller = [], event
        while caller is not None:
            names.append(caller.name)
            caller = caller.cpu_parent
        seconds_of[part_of(names)] += event.self_cpu_time_total / 1e6
    seconds_of[PYTHON] = max(0.0, seconds - sum(seconds_of.values()))
    return {
        part: 100 * taken / seconds for part, taken in sorted(seconds_of.items(), key=lambda item: -item[1])
    }


def mark(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that the profiler sees under ``name``."""
    from torch.profiler import record_function

    @wraps(function)
    def marked(*arguments: Any, **options: Any) -> Any:
        with record_function(name):
            return function(*arguments, **options)

    return marked


def be_run(root: Path, steps: int) -> None:
    """Be a run whose steps are watched."""
    import importlib

    from torch.profiler import ProfilerActivity, profile

    from benchmarks.real_run import leave, podium
    from train.state import TrainState

    for name, (module, cls, method) in MARKED.items():
        owner = getattr(importlib.import_module(module), cls, None)
        if owner is not None and hasattr(owner, method):
            setattr(owner, method, mark(name, getattr(owner, method)))
    profiler, started = profile(activities=[ProfilerActivity.CPU]), 0.0

    def listen(moment: str, state: TrainState) -> None:
        nonlocal started
        if moment == "step" and state.step == SKIPPED:
            profiler.start()
            started = time.perf_counter()
        elif moment == "step" and state.step == SKIPPED + steps:
            seconds = time.perf_counter() - started
            profiler.stop()
            say(parts=shares(profiler.events() or (), seconds), ms_a_step=1000 * seconds / steps)
            leave()

    podium(root, listener=listen)


def draw(profiles: dict[str, dict[str, Any]]) -> Figure:
    """Return a figure: a bar for each part, in percent of a step, side by side for the models."""
    parts = list(dict.fromkeys(part for facts in profiles.values() for part in facts["parts"]))[::-1]
    figure = Figure(figsize=(8, 0.9 + 0.34 * len(parts)), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    high = 0.8 / len(profiles)

    for number, (model, facts) in enumerate(profiles.items()):
        heights = [row - number * high for row in range(len(parts))]
        values = [facts["parts"].get(part, 0.0) for part in parts]
        bars = axes.barh(heights, values, high, label=f"{model}, {facts['ms_a_step']:.0f} ms a step")
        axes.bar_label(bars, [f"{value:.1f}" for value in values], fontsize=6, padding=2)

    axes.set_yticks([row - 0.4 + high / 2 for row in range(len(parts))], parts, fontsize=7)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_xlabel("percent of a training step on the CPU (batch 64, 128x96)", fontsize=8)
    axes.legend(fontsize=7, loc="lower right")
    axes.grid(axis="x", alpha=0.3)
    return figure


def main() -> None:
    """Watch both models and draw the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS, help="backbones of timm")
    parser.add_argument("--steps", type=int, default=6, help="that are watched, of 64 images (default 6)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help=f"default: {PICTURE}")
    parser.add_argument("--be", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.be:
        be_run(arguments.be, arguments.steps)
        return

    data, profiles = data_folder(), {}
    with work_folder() as work:
        lay_out(data, work / "data", 64 * (SKIPPED + arguments.steps))
        for model in arguments.models:
            write_config(work, _config(model))
            words = ["-m", "benchmarks.profile_step", "--steps", str(arguments.steps), "--be", str(work)]
            peer = Peer(model, words)
            peer.end()
            profiles[model] = {"ms_a_step": peer.ready["ms_a_step"], "parts": peer.ready["parts"]}

    for model, facts in profiles.items():
        rows = [(part, f"{share:.1f} %") for part, share in facts["parts"].items()]
        print(aligned([(model, f"{facts['ms_a_step']:.0f} ms a step"), *rows]), end="\n\n")

    FigureCanvasAgg(draw(profiles)).print_png(arguments.picture)
    for model, facts in profiles.items():
        parts = {part: round(share, 2) for part, share in facts["parts"].items()}
        line = {"benchmark": "profile_step", "kind": "profile", "model": model, "data": kind_of(data)}
        print(json.dumps(line | {"ms_a_step": round(facts["ms_a_step"], 1), "parts": parts}))


def _config(model: str) -> dict[str, str]:
    return {
        "run.device": "cpu",
        "images.size": "128, 96",
        "augmentation.name": "TrainAugmentation",
        "model.name": "TimmModel",
        "model.backbone": model,
        "train.batch_size": "64",
        "callback.Probe.": "",
    }


if __name__ == "__main__":
    main()
