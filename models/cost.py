"""What a model costs, in arithmetic and weights, and a competition's limits on that."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from models.backbone import current_name
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
        found = []
        if self.max_gflops is not None and cost.flops > self.max_gflops * 1e9:
            found.append(f"max_gflops = {self.max_gflops:g}")
        if self.max_params is not None and cost.params > self.max_params * 1e6:
            found.append(f"max_params = {self.max_params:g}")
        return found


def cost_of(build: Build, image_size: tuple[int, int]) -> Cost:
    """Return what one image of this height and width costs in the model that ``build`` makes.

    It is made and run without memory or numbers (on torch's meta device), and draws no random number.

    Raises:
        ValueError: the model can't be run that way.
    """
    from torch.utils.flop_counter import FlopCounterMode  # late: it loads torch's decompositions

    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            model = build().eval()
            # Not under no_grad: torch's shortcuts for it are single operations that nobody counts.
            with FlopCounterMode(display=False) as counter:
                model(torch.zeros(1, 3, *image_size, dtype=torch.uint8))
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"its arithmetic can't be counted: {type(error).__name__}: {error}") from error
    return Cost(counter.get_total_flops(), sum(p.numel() for p in model.parameters()))


def largest_that_fits(
    backbone: str,
    build: Callable[[str], nn.Module],
    image_size: tuple[int, int],
    limits: Limits,
    *,
    pretrained: bool,
) -> tuple[str, Cost] | None:
    """Return the backbone of ``backbone``'s family with the most arithmetic of those within the limits.

    Args:
        build: makes the whole model with a backbone of that name.
        pretrained: whether only those count that have weights on the hub.

    Returns:
        its name and the whole model's cost; None if there is no such backbone.
    """
    fitting = []
    for name in family(backbone, pretrained=pretrained):
        try:
            cost = cost_of(lambda name=name: build(name), image_size)  # type: ignore[misc]
        except ValueError:  # another one that takes no images of this size
            continue
        if not limits.exceeded(cost):
            fitting.append((name, cost))
    return max(fitting, key=lambda found: (found[1].flops, found[1].params), default=None)


def family(backbone: str, *, pretrained: bool) -> Sequence[str]:
    """Return timm's architectures from the same module whose names begin with the same letters.

    Of transformers on patches only those with the same patches count, such as ``vit_small_patch16_224`` for
    ``vit_base_patch16_224``: timm has a hundred others.

    Args:
        pretrained: whether only those count that have weights on the hub.
    """
    import timm  # late, see models/backbone.py
    from timm.models import model_entrypoint

    architecture = current_name(backbone).partition(".")[0]
    module = model_entrypoint(architecture).__module__.rpartition(".")[2]
    found = dict.fromkeys(
        name.partition(".")[0] for name in timm.list_models(module=module, pretrained=pretrained)
    )
    return [name for name in found if _kind(name) == _kind(architecture)]


def _kind(name: str) -> tuple[str, str]:
    """Return a name's first letters, and what it says from the patches on."""
    return re.split("[^a-z]", name, maxsplit=1)[0], name.partition("_patch")[2]


def _rounded(value: float) -> str:
    """Return three digits, as in 1.81 or 0.0123 or 415."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
