"""A batch's passes as a CUDA graph: one launch instead of hundreds, which a small net spends its time on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dataset.tasks.base import Targets
from train.passes import Passes
from utils.errors import ConfigError

_WARM_UP = 2  # batches of a shape before it is captured: libraries load kernels and make workspaces first
Replay = Callable[[], None]


def cuda_graph(work: Callable[[], Tensor]) -> tuple[Tensor, Replay]:
    """Note the kernels that ``work`` queues, without running them.

    Dropout draws anew each time: the graph reads the seed of PyTorch's generator when it is replayed.

    Returns:
        The tensor that ``work`` returned, and what fills it by running those kernels on the same memory.

    Raises:
        ConfigError: something in it can't be captured.
    """
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    try:
        # Other threads read images meanwhile and may ask for memory.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = work()
    except RuntimeError as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(
            f"[train] cuda_graph = yes: this model or loss can't be captured: {reason} Write cuda_graph = no."
        ) from error
    return result, graph.replay


@dataclass(slots=True)
class _Captured:
    """A graph, the memory that it reads from and the one that it writes to."""

    replay: Replay
    images: Tensor
    targets: Targets
    loss: Tensor
    gradients: list[Tensor | None]  # by parameter

    def __call__(self, images: Tensor, targets: Targets, parameters: list[nn.Parameter]) -> Tensor:
        self.images.copy_(images)
        for name, values in targets.items():
            self.targets[name].copy_(values)
        self.replay()
        for parameter, gradient in zip(parameters, self.gradients, strict=True):
            parameter.grad = gradient
        return self.loss.clone()  # the next replay writes over it


class CapturedPasses(Passes):
    """The same bits from the same kernels, which the GPU starts itself, one after another.

    A graph is made for each shape of batch, and anew in each epoch. It sets gradients and does not add to
    them, so of the batches of an accumulated step the first one uses it.
    """

    capture = staticmethod(cuda_graph)

    def begin_epoch(self) -> None:
        self._captured: dict[tuple[int, ...], _Captured] = {}
        self._seen: dict[tuple[int, ...], int] = {}
        self._parameters = list(self.model.parameters())

    def __call__(self, images: Tensor, targets: Targets, *, batches: int) -> Tensor:
        shape = (*images.shape, batches)
        if any(parameter.grad is not None for parameter in self._parameters):
            return super().__call__(images, targets, batches=batches)

        if shape not in self._captured:
            self._seen[shape] = self._seen.get(shape, 0) + 1
            if self._seen[shape] <= _WARM_UP:
                return super().__call__(images, targets, batches=batches)
            self._captured[shape] = self._capture(images, targets, batches)
        return self._captured[shape](images, targets, self._parameters)

    def _capture(self, images: Tensor, targets: Targets, batches: int) -> _Captured:
        images = images.clone()
        targets = {name: values.clone() for name, values in targets.items()}
        loss, replay = self.capture(
            lambda: super(CapturedPasses, self).__call__(images, targets, batches=batches)
        )
        gradients = [parameter.grad for parameter in self._parameters]
        return _Captured(replay, images, targets, loss, gradients)
