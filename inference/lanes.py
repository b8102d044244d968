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
from queue import SimpleQueue

import torch
from torch import nn

from dataset.reading import Batch
from dataset.tasks.base import Logits
from utils.seeds import positions

LANES = 2
Asked = Callable[[nn.Module, Batch], Logits]


def lanes_of(model: nn.Module, device: torch.device) -> list[nn.Module]:
    """Return what may answer at once: the model and a copy of it that shares its weights, or the model alone.

    It is alone on a GPU, with one thread, where one of its modules says that it is ``one_at_a_time`` or can't
    be copied, and where there are hooks: functions are not copied, so both would write to the same place.
    """
    alone = device.type != "cpu" or torch.get_num_threads() < LANES
    if alone or any(map(_one_at_a_time, model.modules())):
        return [model]

    weights = {id(values): values for values in (*model.parameters(), *model.buffers())}
    try:
        return [model, *(copy.deepcopy(model, dict(weights)) for _ in range(LANES - 1))]
    except Exception:  # anybody's class may stand in a model, and fail in its own way
        return [model]


def _one_at_a_time(module: nn.Module) -> bool:
    hooks = (module._forward_hooks, module._forward_pre_hooks)
    return bool(getattr(module, "one_at_a_time", False)) or any(map(bool, hooks))


def in_lanes(
    models: list[nn.Module], batches: Iterable[Batch], answer: Asked
) -> Generator[tuple[Batch, Logits], None, None]:
    """Yield each batch with its answer, in their order; the first one's is the first model's.

    Models that draw random numbers get one batch after another, as the order of the draws would be chance.
    """
    source, undrawn = iter(batches), positions()
    for batch in source:
        yield batch, answer(models[0], batch)
        if len(models) > 1 and positions() == undrawn:
            break
    else:
        return

    coming: deque[tuple[Batch, Future[Logits]]] = deque()
    most = len(models)

    with _lanes(models, answer) as ask:
        for batch in source:
            coming.append((batch, ask(batch)))
            while len(coming) > most:
                asked, answered = coming.popleft()
                yield asked, answered.result()
                most = most if positions() == undrawn else 0  # drawn by a later batch only

        for asked, answered in coming:
            yield asked, answered.result()


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
