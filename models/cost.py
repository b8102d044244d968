"""What a model costs, in arithmetic and weights, and a competition's limits on that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call

from models.columns import with_blank
from utils.convert import Positive

Build = Callable[[], nn.Module]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one image costs in evaluation.

    Attributes:
        flops: floating-point operations of convolutions, matrix products and attention; a multiplication
            with its addition is two of them, or one MAC.
        params: weights.
    """

    flops: int
    params: int

    def __str__(self) -> str:
        giga = self.flops / 1e9
        weights = f"{_rounded(self.params / 1e6)} million weights"
        return f"{_rounded(giga / 2)} GMACs = {_rounded(giga)} GFLOPs, {weights}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A competition's limits on the model; keys that [model] has for every model."""

    max_gflops: Positive | None = None  # 10^9 operations for an image; 1 multiplication and addition = 2
    max_params: Positive | None = None  # millions of weights

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self.max_gflops is not None or self.max_params is not None

    def exceeded(self, cost: Cost) -> list[str]:
        """Return the limits that ``cost`` is over, as a config says them."""
        limits = []
        if self.max_gflops is not None and cost.flops > self.max_gflops * 1e9:
            limits.append(f"max_gflops = {self.max_gflops:g}")
        if self.max_params is not None and cost.params > self.max_params * 1e6:
            limits.append(f"max_params = {self.max_params:g}")
        return limits


def cost_of(build: Build, image_size: tuple[int, int]) -> Cost:
    """Return what one image of this height and width costs in the model that ``build`` makes.

    It is made and run without memory or numbers (on torch's meta device), and draws no random number.

    Raises:
        ValueError: the model can't be run that way.
    """
    with _uncounted_as_value_error(), torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = build()
    return cost_of_model(model, image_size)


def cost_of_model(model: nn.Module, image_size: tuple[int, int]) -> Cost:
    """Return the same of a model that is there: it keeps its weights, which are not looked at, and its mode.

    Raises:
        ValueError: the model can't be run without numbers.
    """
    from torch.utils.flop_counter import FlopCounterMode  # late: it loads torch's decompositions

    weights = {name: weight.detach().to("meta").requires_grad_() for name, weight in model.named_parameters()}
    buffers = {name: buffer.to("meta") for name, buffer in model.named_buffers()}
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with (
            _uncounted_as_value_error(),
            torch.random.fork_rng(devices=[]),
            torch.device("meta"),
            # Not under no_grad: torch's shortcuts for it are single operations that nobody counts.
            FlopCounterMode(display=False) as counter,
        ):
            blank = torch.zeros(1, 3, *image_size, dtype=torch.uint8)
            functional_call(model, weights | buffers, with_blank(model, blank))
    finally:
        for module in training:
            module.training = True

    return Cost(counter.get_total_flops(), sum(p.numel() for p in model.parameters()))


@contextmanager
def _uncounted_as_value_error() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"its arithmetic can't be counted: {type(error).__name__}: {error}") from error


def _rounded(value: float) -> str:
    """Return three digits, as in 1.81 or 0.0123 or 415."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
