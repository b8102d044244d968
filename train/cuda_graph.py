"""A batch's passes as a CUDA graph: one launch instead of hundreds, which a small net spends its time on."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dataset.reading import Inputs
from dataset.tasks.base import Targets
from train.passes import Passes
from utils.device import Precision
from utils.errors import ConfigError
from utils.seeds import positions_in_python

Replay = Callable[[], None]
log = logging.getLogger("podium")


def passes_of(
    model: nn.Module,
    criterion: nn.Module,
    precision: Precision,
    scaler: torch.amp.GradScaler,
    *,
    compile: bool,
    cuda_graph: bool,
) -> Passes:
    """Return a run's passes: captured if they may be, on a GPU, and nothing else makes them another way."""
    checkpointed = any(getattr(module, "grad_checkpointing", False) for module in model.modules())
    captured = cuda_graph and precision.device.type == "cuda" and not (compile or checkpointed)
    return (CapturedPasses if captured else Passes)(model, criterion, precision, scaler, compile=compile)


def cuda_graph(work: Callable[[], Tensor]) -> tuple[Tensor, Replay]:
    """Note the kernels that ``work`` queues, without running them.

    Dropout draws anew each time: the graph reads the seed of PyTorch's generator when it is replayed.

    Returns:
        The tensor that ``work`` returned, and what fills it by running those kernels on the same memory.

    Raises:
        ConfigError: something in it can't be captured, such as asking the GPU for a number. Nothing more can
            be computed on the GPU then.
    """
    graph = torch.cuda.CUDAGraph()
    try:
        # Other threads read images meanwhile and may ask for memory.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = work()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(
            f"[train] cuda_graph: this model or loss can't be captured: {reason} Write cuda_graph = no."
        ) from error
    return result, graph.replay


@dataclass(slots=True)
class _Captured:
    """A graph, the memory that it reads from and the one that it writes to."""

    replay: Replay
    inputs: Inputs
    targets: Targets
    loss: Tensor
    gradients: list[Tensor | None]  # by parameter

    def __call__(self, inputs: Inputs, targets: Targets, parameters: list[nn.Parameter]) -> Tensor:
        for memory, values in zip(self.inputs, inputs, strict=True):
            memory.copy_(values)
        for name, values in targets.items():
            self.targets[name].copy_(values)

        self.replay()
        for parameter, gradient in zip(parameters, self.gradients, strict=True):
            parameter.grad = gradient
        return self.loss.clone()  # the next replay writes over it


class CapturedPasses(Passes):
    """The same bits from the same kernels, which the GPU starts itself, one after another.

    A graph is made for each shape of batch, and anew in each epoch. It sets gradients and does not add to
    them, so of the batches of an accumulated step the first one uses it. The Python code of model and loss
    runs in an epoch's first two batches only: where it keeps something itself, nothing is captured.
    """

    capture = staticmethod(cuda_graph)
    _python_changes = False
    _shapes: dict[tuple[int, ...], _Captured | None]  # None after the first batch, which loads the kernels

    def forget(self) -> None:
        self._shapes, self._parameters = {}, list(self.model.parameters())

    def __call__(self, inputs: Inputs, targets: Targets, *, batches: int) -> Tensor:
        if self._python_changes or any(parameter.grad is not None for parameter in self._parameters):
            return super().__call__(inputs, targets, batches=batches)

        shape = (*inputs[0].shape, batches)
        if shape not in self._shapes:
            self._shapes[shape] = None
            return self._watched(inputs, targets, batches)
        captured = self._shapes[shape] or self._captured(inputs, targets, batches)
        self._shapes[shape] = captured
        return captured(inputs, targets, self._parameters)

    def _watched(self, inputs: Inputs, targets: Targets, batches: int) -> Tensor:
        """Return the loss of passes that are not captured; see whether those that are would be the same."""
        before = dict(self._kept_by_python())
        loss = super().__call__(inputs, targets, batches=batches)

        changed = [name for name, value in self._kept_by_python() if before.get(name) != value]
        if changed:
            log.warning("No CUDA graph: the code of model or loss changes %s with each batch.", changed[0])
            self._python_changes = True
        return loss

    def _kept_by_python(self) -> Iterator[tuple[str, object]]:
        """Yield, by name, what a graph would not see changing."""
        yield from positions_in_python().items()
        for whole in (self.model, self.criterion):
            for path, module in whole.named_modules():
                for name, value in vars(module).items():
                    if isinstance(value, bool | int | float | str):
                        yield f"{name} of {path or type(module).__name__}", value

    def _captured(self, inputs: Inputs, targets: Targets, batches: int) -> _Captured:
        inputs = tuple(values.clone() for values in inputs)
        targets = {name: values.clone() for name, values in targets.items()}
        loss, replay = self.capture(
            lambda: super(CapturedPasses, self).__call__(inputs, targets, batches=batches)
        )
        gradients = [parameter.grad for parameter in self._parameters]
        return _Captured(replay, inputs, targets, loss, gradients)
