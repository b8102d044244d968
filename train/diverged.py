"""What to say when a loss is no longer a number."""

from utils.errors import Diverged


def diverged(value: float, *, epoch: int, step: int, rate: float, what: str = "The loss") -> Diverged:
    """Return the error that stops the run: where it happened and what to try.

    Args:
        value: what is no number.
        epoch: how many are finished.
        step: how many the optimiser has made.
        rate: the learning rate there.
        what: has this value.
    """
    return Diverged(
        f"{what} became {value} in step {step} (epoch {epoch + 1}), at a learning rate of "
        f"{rate:.3g}. The last good checkpoint is kept. Start a new run with a rate three times "
        "smaller (--set optimizer.lr=...), a warm-up (--set scheduler.warmup=1), clipping "
        "(--set train.clip=1), or --set train.precision=float32."
    )
