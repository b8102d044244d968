"""What people train with today, each at its best settings: a bare loop, a DataLoader, timm and Lightning."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

LABELS = 18
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LoaderBatches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a peer computes, and in which precision."""

    device: torch.device
    dtype: torch.dtype = torch.float32

    def autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def images(self, images: Tensor) -> Tensor:
        return images.to(self.device, non_blocking=True, memory_format=torch.channels_last)

    def wait(self) -> None:
        """Return when all that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Worker processes of a loader, and threads of the model."""

    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.workers} workers, {self.threads} threads"


def candidates() -> list[PeerSettings]:
    """Return the settings among which a peer's best is looked for."""
    cores = len(os.sched_getaffinity(0))
    if cores > 4:  # where there are many, the model's threads are not what a loader waits for
        return [PeerSettings(workers, cores) for workers in (4, 8, cores)]
    settings = [PeerSettings(workers, cores) for workers in sorted({0, 1, 2, cores})]
    return settings + [PeerSettings(workers, max(1, cores - 1)) for workers in (1, 2) if cores > 1]


def bare_model(name: str, machine: Machine) -> nn.Module:
    """Return timm's model, channels-last, with random weights."""
    import timm

    model: nn.Module = timm.create_model(name, num_classes=LABELS)
    return model.to(machine.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload, no-any-return]


class Training:
    """A model with its optimiser; a step is forward, backward and AdamW."""

    def __init__(self, model: str, machine: Machine, *, fused: bool = True) -> None:
        self.machine, self.model = machine, bare_model(model, machine)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, fused=fused)

    def step(self, images: Tensor, labels: Tensor) -> None:
        with self.machine.autocast():
            loss = nn.functional.cross_entropy(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def epoch(self, batches: LoaderBatches) -> None:
        for images, labels in batches:
            self.step(self.machine.images(images), labels.to(self.machine.device, non_blocking=True))
        self.machine.wait()


class LabelledFiles(Dataset[tuple[Any, int]]):
    """Image files with labels that mean nothing, opened as a loader's own transforms want them."""

    def __init__(self, paths: list[Path], opened: Callable[[str], Any]) -> None:
        self.paths, self.opened = [str(path) for path in paths], opened
        self.transform: Callable[[Any], Any] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        image = self.opened(self.paths[row])
        return (self.transform(image) if self.transform else image), row % LABELS


def plain_loader(
    paths: list[Path], size: tuple[int, int], batch: int, workers: int, machine: Machine
) -> LoaderBatches:
    """Return a DataLoader with OpenCV's decoder and torchvision's transforms: shrink, then move."""
    from torchvision.transforms import v2

    files = LabelledFiles(paths, _open_tensor)
    files.transform = v2.Compose(
        [
            v2.Resize(size, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(6, (0.06, 0.06), (0.92, 1.08), interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(0.2, 0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(_MEAN, _STD),
        ]
    )
    return DataLoader(
        files, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0, drop_last=True,
        pin_memory=machine.device.type == "cuda",
    )  # fmt: skip


def _open_tensor(path: str) -> Tensor:
    """Return uint8 (3, H, W) in channels-last memory, which is what torchvision shrinks fastest."""
    image = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    return torch.from_numpy(np.asarray(image)).permute(2, 0, 1)


def _open_rgb(path: str) -> Image.Image:
    return Image.open(path).convert("RGB")


def timm_loader(
    paths: list[Path], size: tuple[int, int], batch: int, workers: int, machine: Machine, *,
    training: bool = True, normalised: bool = True,
) -> LoaderBatches:  # fmt: skip
    """Return timm's own loader, which scales and normalises whole batches in the main process."""
    from timm.data import create_loader

    loader: LoaderBatches = create_loader(
        LabelledFiles(paths, _open_rgb),
        input_size=(3, *size),
        batch_size=batch,
        is_training=training,
        scale=(0.8, 1.0),
        hflip=0.5,
        color_jitter=(0.2, 0.2, 0.0),
        interpolation="bilinear",
        mean=_MEAN if normalised else (0.0, 0.0, 0.0),
        std=_STD if normalised else (1.0, 1.0, 1.0),
        crop_pct=1.0,
        crop_mode="squash",
        num_workers=workers,
        persistent_workers=workers > 0,
        device=machine.device,
    )
    return loader


def best(measure: Callable[[PeerSettings], float]) -> PeerSettings:
    """Return the settings with the fewest seconds, and leave torch with their threads."""
    seconds: dict[PeerSettings, float] = {}
    for settings in candidates():
        torch.set_num_threads(settings.threads)
        seconds[settings] = measure(settings)
    fastest = min(seconds, key=lambda settings: seconds[settings])
    torch.set_num_threads(fastest.threads)
    return fastest


def seconds_a_batch(work: Callable[[Tensor, Tensor], object], batches: LoaderBatches, least: float) -> float:
    """Return the mean seconds of at least two batches and of ``least`` seconds, without the first one."""
    iterator = iter(batches)
    for images, labels in islice(iterator, 1):
        work(images, labels)
    started, count = time.perf_counter(), 0
    for images, labels in iterator:
        work(images, labels)
        count += 1
        if count > 1 and time.perf_counter() - started > least:
            break
    return (time.perf_counter() - started) / max(1, count)


def lightning_missing() -> bool:
    """Tell whether Lightning is not installed (requirements-bench.txt)."""
    return find_spec("lightning") is None


def lightning_epochs(
    model: str,
    batches: LoaderBatches,
    machine: Machine,
    before: Callable[[], bool],
    after: Callable[[], None],
) -> None:
    """Train with Lightning until ``before`` an epoch returns False; ``after`` follows each epoch."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = bare_model(model, machine)

        def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
            images, labels = batch
            images = images.contiguous(memory_format=torch.channels_last)
            return nn.functional.cross_entropy(self.net(images), labels)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=1e-3, fused=True)

    class TurnCallback(lightning.Callback):
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            trainer.should_stop = not before()

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            machine.wait()
            after()

    precision = {torch.float32: "32-true", torch.bfloat16: "bf16-mixed", torch.float16: "16-mixed"}
    trainer = lightning.Trainer(
        accelerator=machine.device.type, devices=1, precision=precision[machine.dtype], max_epochs=10**6,
        min_epochs=0, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[TurnCallback()],
    )  # fmt: skip
    trainer.fit(Module(), batches)


def repeated(images: Tensor, labels: Tensor, times: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the same batch again and again."""
    for _ in range(times):
        yield images, labels
