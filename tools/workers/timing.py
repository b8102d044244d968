"""How many workers train fastest on this CPU: a few steps with all threads, and with fewer."""

import logging
import os
import time
from pathlib import Path

import torch

from experiment.assemble import Experiment
from models.columns import with_blank
from utils.container import available_memory
from utils.seeds import torch_generator

log = logging.getLogger("podium")
_SECONDS, _STEPS = 1.0, 3  # that are timed at most, of each number of threads
_GAIN = 1.1  # below which one run after another is as good
_SHARE = 0.8  # of the free memory that workers may take


def fastest_count(experiment: Experiment) -> int:
    """Return how many members train fastest side by side, and say by how much."""
    most, before = torch.get_num_threads(), torch.get_num_threads()
    if most == 1:
        log.info("Workers: 1, since there is one thread only.")
        return 1

    try:
        rates = {threads: _rate(experiment, threads) for threads in _divisors(most)}
    finally:
        torch.set_num_threads(before)

    together = {most // threads: rate * (most // threads) for threads, rate in rates.items()}
    fitting = {count: rate for count, rate in together.items() if count <= max(1, _room())}
    best = max(fitting, key=lambda count: fitting[count])
    if fitting[best] < _GAIN * together[1]:
        best = 1

    log.info(
        "Workers: %d. Timed: %s",
        best, ", ".join(f"{count} at a time about {rate:.0f} img/s" for count, rate in together.items()),
    )  # fmt: skip
    return best


def _divisors(number: int) -> list[int]:
    return [threads for threads in range(number, 0, -1) if number % threads == 0]


def _rate(experiment: Experiment, threads: int) -> float:
    """Return the images a second of training steps with so many threads; nothing is kept of them."""
    torch.set_num_threads(threads)
    settings = experiment.settings
    model = experiment.model(fresh=False).train()
    shape = (settings.train.images, 3, *settings.images.size)
    images = torch.rand(shape, generator=torch_generator("timing", threads))

    steps, spent = 0, 0.0
    for number in range(_STEPS + 1):
        start = time.perf_counter()
        with experiment.precision.autocast():
            logits = model(*with_blank(model, images))
        sum(head.float().square().mean() for head in logits.values()).backward()
        model.zero_grad(set_to_none=True)
        if number:  # the first step of a process takes many times as long
            steps, spent = steps + 1, spent + time.perf_counter() - start
        if spent > _SECONDS:
            break
    return steps * shape[0] / max(spent, 1e-9)


def _room() -> int:
    """Return how many processes such as this one the free memory holds; where nobody knows, any number."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    except OSError:  # not Linux
        return 1_000_000
    return int(_SHARE * available_memory() / max(1, pages * os.sysconf("SC_PAGE_SIZE")))
