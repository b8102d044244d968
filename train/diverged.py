"""What to say when a loss is no longer a number."""

from typing import TYPE_CHECKING

from utils.errors import Diverged

if TYPE_CHECKING:
    from train.state import TrainState


def diverged(value: float, state: "TrainState", step: int, what: str = "The loss") -> Diverged:
    """Return the error that stops the run: where it happened and what to try."""
    return Diverged(
        f"{what} became {value} in step {step} (epoch {state.epoch + 1}), at a learning rate of "
        f"{state.rate:.3g}. The last good checkpoint is kept. Start a new run with a rate three times "
        "smaller (--set optimizer.lr=...), a warm-up (--set scheduler.warmup=1), clipping "
        "(--set train.clip=1), or --set train.precision=float32."
    )
