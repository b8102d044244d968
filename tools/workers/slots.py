"""What there is for workers to compute on: GPUs, or shares of the cores."""

import os
from collections.abc import Callable

import torch

from tools.workers.settings import WorkersSettings
from tools.workers.starter import ALL, Slots
from utils.cores import cores
from utils.errors import ConfigError


def deal_out(
    settings: WorkersSettings, device: str, kind: str, began: int | None, fastest: Callable[[], int]
) -> Slots:
    """Return the workers that a config asks for.

    Args:
        device: [run] device.
        kind: of the device, cpu or cuda.
        began: the threads with which a run that goes on began.
        fastest: how many workers train fastest on this CPU, asked only where that is to be found out.

    Raises:
        ConfigError: there is not so much to compute on.
    """
    gpus = _gpus() if kind == "cuda" else ()
    if gpus and settings.count != 1 and ":" in device:
        raise ConfigError(
            f"[run] device = {device} is one GPU, and [workers] count = {settings.count} are given one each: "
            "write device = auto, and choose GPUs with CUDA_VISIBLE_DEVICES."
        )

    most = len(gpus) * settings.per_gpu if gpus else cores()
    count = settings.count
    if count == "auto":
        count = most if gpus else fastest()
    if count > most:
        there = f"{len(gpus)} GPU(s) with per_gpu = {settings.per_gpu}" if gpus else f"{most} core(s)"
        raise ConfigError(f"[workers] count = {count}: there is room for {most}, on {there} here.")
    threads = settings.threads
    if began is not None:
        threads = began
    elif threads == "auto":
        threads = share_of_cores(count)
    return Slots(count, threads, gpus)


def elsewhere(settings: WorkersSettings, threads: int, began: int | None) -> Slots:
    """Return the slots of workers on other machines, each with so many ``threads`` unless a config says."""
    count = ALL if settings.count == "auto" else settings.count
    if began is None and settings.threads != "auto":
        threads = settings.threads
    return Slots(count, threads if began is None else began)


def share_of_cores(workers: int) -> int:
    """Return the threads of each of several workers: together as many as one run would have."""
    return max(1, torch.get_num_threads() // workers)


def _gpus() -> tuple[str, ...]:
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return tuple(named.split(",")[:count]) if named else tuple(map(str, range(count)))
