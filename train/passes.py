"""What a batch does to a model: a pass forward, the loss, a pass backward."""

import torch
from torch import Tensor, nn

from dataset.reading import Inputs
from dataset.tasks.base import Targets
from utils.compiled import Compiled
from utils.device import Precision


class Passes:
    """Adds a batch's gradient to what the parameters have.

    Args:
        scaler: of the loss, where float16 needs it.
        compile: whether PyTorch compiles the model first.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: nn.Module,
        precision: Precision,
        scaler: torch.amp.GradScaler,
        *,
        compile: bool = False,
    ) -> None:
        self.model, self.criterion, self.precision, self.scaler = model, criterion, precision, scaler
        self._forward = Compiled(model, "[train] compile = yes") if compile else model
        self.forget()

    def forget(self) -> None:
        """Forget what was prepared for model and loss as they are: callbacks change them between epochs."""

    def __call__(self, inputs: Inputs, targets: Targets, *, batches: int) -> Tensor:
        """Return the loss, a scalar without a graph.

        Args:
            inputs: images (N, 3, H, W), float in [0, 1], and what else the model sees of them.
            batches: of the optimiser's step: the gradient is divided by them.
        """
        with self.precision.autocast():
            logits = self._forward(*inputs)
        loss: Tensor = self.criterion(logits, targets)
        self.scaler.scale(loss / batches).backward()  # type: ignore[no-untyped-call]
        return loss.detach()
