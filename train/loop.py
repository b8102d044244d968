"""The training loop's own numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """What the Trainer does beside what it is given."""

    epochs: int
    accumulate: int  # batches an optimiser step
    clip: float | None  # the largest L2 norm of the gradient
    seed: int
    compile: bool = False  # forward and backward pass by torch.compile
