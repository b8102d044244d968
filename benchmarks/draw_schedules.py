"""Draws every schedule from the code into docs/schedules.png: ``python -m benchmarks.draw_schedules``."""

from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn

from schedulers.base import SCHEDULERS
from utils.registry import Component

EPOCHS, STEPS, BASE = 30, 20, 1e-3  # of the drawn run: epochs, steps an epoch, learning rate
COLUMNS = 3
WARMUP = 3  # epochs, of the dashed lines
# Options that show in 30 epochs what the defaults show in a longer run.
CHANGED: dict[str, dict[str, object]] = {
    "CosineAnnealingWarmRestarts": {"T_0": 4, "T_mult": 2},
    "ReduceOnPlateau": {"patience": 3},
}


def score(epoch: int) -> float:
    """Return an invented score that gets better until epoch 8 and, after the first fall, once more."""
    return min(epoch, 8) + max(0, min(epoch, 17) - 14)


def rates(name: str, **options: object) -> list[float]:
    """Return the rate of each step of the run."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler = SCHEDULERS.build(
        Component.of(name, **options),
        optimizer=optimizer,
        steps_per_epoch=STEPS,
        epochs=EPOCHS,
        score_of=lambda entry: entry["score"],
    )
    values = []
    for step in range(EPOCHS * STEPS):
        scheduler.set_rates(step / STEPS, [{"score": score(epoch)} for epoch in range(step // STEPS)])
        values.append(optimizer.param_groups[0]["lr"])
    return values


def draw() -> Figure:
    """Return a figure with a panel for each scheduler, by name."""
    names = SCHEDULERS.names()
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(3.6 * COLUMNS, 2.1 * rows), dpi=110, layout="constrained")
    epochs = [step / STEPS for step in range(EPOCHS * STEPS)]

    for panel, name in enumerate(names, start=1):
        options = CHANGED.get(name, {})
        axes = figure.add_subplot(rows, COLUMNS, panel)

        warmed = rates(name, **options, warmup=WARMUP)
        axes.plot(epochs, warmed, linestyle="--", linewidth=1, color="tab:orange", label=f"warmup = {WARMUP}")
        axes.plot(epochs, rates(name, **options), linewidth=1.6, color="tab:blue", label="warmup = 0")
        changed = ", ".join(f"{key} = {value}" for key, value in options.items())

        axes.set_title(f"{name}\n{changed or 'defaults'}", fontsize=8)
        axes.set_ylim(-0.04 * BASE, 1.1 * BASE)
        axes.set_yticks([0, BASE / 2, BASE], ["0", "", "lr"], fontsize=7)
        axes.set_xticks(range(0, EPOCHS + 1, 10))
        axes.tick_params(labelsize=7)
        if panel > len(names) - COLUMNS:
            axes.set_xlabel("epochs", fontsize=7)

    handles = figure.axes[0].get_legend_handles_labels()
    figure.axes[0].legend(*handles, fontsize=7, loc="lower right")
    return figure


def main(path: Path = Path("docs/schedules.png")) -> None:
    """Write the picture."""
    path.parent.mkdir(exist_ok=True)
    FigureCanvasAgg(draw()).print_png(path)


if __name__ == "__main__":
    main()
