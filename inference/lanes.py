"""Two batches at once on a CPU, each with half of the threads.

Many layers of a net are too small to keep all cores busy, and between them, and while a batch is read, only
one core computes. A batch has the same bits in either lane. The first batch has all threads: one or two are
answered sooner that way, and it shows what a model does beside answering.
"""

import copy
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue

import torch
from torch import Tensor, nn

from dataset.reading import Batch
from dataset.tasks.base import Logits
from inference.folded import WatchedNorms, folded
from utils.seeds import GENERATORS, positions

LANES = 2
Asked = Callable[[nn.Module, Batch], Logits]


def lanes_of(model: nn.Module) -> list[nn.Module]:
    """Return what may answer at once: the model and copies of it that share its weights, or it alone.

    It is alone with one thread, and where it can't be copied.
    """
    if torch.get_num_threads() < LANES:
        return [model]
    weights = {id(values): values for values in (*model.parameters(), *model.buffers())}
    try:
        return [model, *(copy.deepcopy(model, dict(weights)) for _ in range(LANES - 1))]
    except Exception:  # anybody's class may stand in a model, and fail in its own way
        return [model]


def _one_at_a_time(module: nn.Module) -> bool:
    """Whether a module says so, has random numbers of its own, or hooks.

    Functions are not copied: those of both lanes would write to the same place.
    """
    hooks = module._forward_hooks or module._forward_pre_hooks
    draws = any(isinstance(value, GENERATORS) for value in vars(module).values())
    return bool(getattr(module, "one_at_a_time", False) or hooks or draws)


def _kept(model: nn.Module) -> tuple[object, ...]:
    """Return what stays the same where a batch changes nothing that the next one could see.

    Tensors and containers that are plain attributes are left out: most are what a layer has just computed.
    """
    tensors = [(id(values), _version(values)) for values in (*model.parameters(), *model.buffers())]
    numbers = [
        (name, value)
        for module in model.modules()
        for name, value in vars(module).items()
        if isinstance(value, bool | int | float | str)
    ]
    return tensors, numbers, positions()


def _version(values: Tensor) -> int:
    """Return how often a tensor was written into; 0 where PyTorch doesn't count."""
    return 0 if values.is_inference() else values._version


def answered(
    model: nn.Module, batches: Iterable[Batch], answer: Asked
) -> Generator[tuple[Batch, Logits], None, None]:
    """Yield each batch with its answer on a CPU, in their order.

    Models that draw random numbers, or keep something of a batch for the next one, get one after another, as
    the order of two at once would be chance.
    """
    source = iter(batches)
    if any(map(_one_at_a_time, model.modules())):
        yield from ((batch, answer(model, batch)) for batch in source)
        return

    before, norms = _kept(model), WatchedNorms(model)
    for batch in islice(source, 1):  # it shows which kind of model it is
        with norms:
            first = answer(model, batch)
        yield batch, first

    if _kept(model) != before:
        yield from ((batch, answer(model, batch)) for batch in source)
        return
    with folded(norms.pairs()):
        yield from _in_lanes(lanes_of(model), source, answer)


def _in_lanes(
    models: list[nn.Module], source: Iterator[Batch], answer: Asked
) -> Iterator[tuple[Batch, Logits]]:
    if len(models) == 1:
        yield from ((batch, answer(models[0], batch)) for batch in source)
        return

    coming: deque[tuple[Batch, Future[Logits]]] = deque()
    most, undrawn = len(models), positions()

    with _lanes(models, answer) as ask:
        for batch in source:
            coming.append((batch, ask(batch)))
            while len(coming) > most:
                asked, logits = coming.popleft()
                yield asked, logits.result()
                most = most if positions() == undrawn else 0  # drawn by a later batch only

        for asked, logits in coming:
            yield asked, logits.result()


@contextmanager
def _lanes(models: list[nn.Module], answer: Asked) -> Iterator[Callable[[Batch], Future[Logits]]]:
    """Give a function that has a batch answered by the model that is free first."""
    free: SimpleQueue[nn.Module] = SimpleQueue()
    for model in models:
        free.put(model)

    def next_free(batch: Batch) -> Logits:
        model = free.get()
        try:
            return answer(model, batch)
        finally:
            free.put(model)

    threads = torch.get_num_threads()
    share = threads // len(models)
    lanes = ThreadPoolExecutor(len(models), "lane", torch.set_num_threads, (share,))
    try:
        yield lambda batch: lanes.submit(next_free, batch)
    finally:
        lanes.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # for threads that begin later; this one's own number is as it was
