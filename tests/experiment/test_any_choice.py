"""Whatever a config chooses, on numbers, grades and both: it is built, or one line says why not."""

import re
from pathlib import Path

import pytest
import torch

from dataset.augmentation.base import AUGMENTATIONS
from dataset.metrics.base import METRICS
from dataset.samplers.base import SAMPLERS
from dataset.submissions.base import SUBMISSIONS
from experiment.assemble import Experiment, assemble_training
from experiment.read_settings import read_sections, settings_from
from inference.views.base import VIEWS
from loss.base import LOSSES
from models.conditionings.base import CONDITIONINGS
from models.heads.base import HEADS
from tests.digits import digits, write_csv, write_images
from train.callbacks.base import CALLBACKS
from utils.errors import ConfigError

CONFIG = """
[run]
name = any
device = cpu
[paths]
data = {data}
runs = {work}/runs
cache = {data}/../cache
[images]
size = 16, 16
[model]
name = TinyNet
width = 2
[train]
epochs = 2
batch_size = 8
[dataset]
name = CsvDataset
extension = .png
"""
TASKS = {
    "number": "label_column = ink\n[task]\nname = RegressionTask\n[loss]\nname = MSE\n",
    "grade": "label_column = grade\n[task]\nname = OrdinalTask\n[loss]\nname = CORN\n",
    "several": "[task]\nname = SeveralTask\nclasses = kind\ngrades = grade\nnumbers = ink\n"
    "[loss]\nname = CrossEntropy\n[loss.ink]\nname = MSE\n",
}
# What a class can't do without, beside its name.
NEEDED = {
    "CutMixWithinClass": {"space": "{space}"},
    "DeferredReweighting": {"from_epoch": "1"},
    "FBeta": {"beta": "2"},
    "Freeze": {"melt_after": "1"},
}
HELPS = re.compile(
    r"for that there are|[Ww]rite |set class_weights = |set \[head|pip install -r|"
    r"\w+ needs '\w+ = |needs room = "
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table that each of the tasks finds its column in."""
    folder = tmp_path_factory.mktemp("data")
    images, found = digits()
    names = write_images(folder / "train", images[:24])
    ink = images.reshape(len(images), -1).mean(axis=1)
    rows = [[name, f"{ink[i]:.2f}", i % 4, "ab"[found[i] % 2]] for i, name in enumerate(names)]
    write_csv(folder / "train.csv", ("image", "ink", "grade", "kind"), rows)
    return folder


LAST = {"number": "number", "grade": "label", "several": "ink"}  # space of each task


def chosen(kind: str, name: str, task: str) -> tuple[str, list[str]]:
    """Return the text and the overrides of a config that choose a class of a kind."""
    options = {key: value.format(space=LAST[task]) for key, value in NEEDED.get(name, {}).items()}
    if kind in ("callback", "augmentation"):
        return f"[{kind}.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items()), []
    if kind == "view":
        return "", [f"infer.views={name}"]
    section = f"loss.{LAST[task]}" if kind == "loss" else kind
    return "", [f"{section}.name={name}", *(f"{section}.{key}={value}" for key, value in options.items())]


KINDS = {
    "augmentation": AUGMENTATIONS, "callback": CALLBACKS, "conditioning": CONDITIONINGS, "head": HEADS,
    "loss": LOSSES, "metric": METRICS, "sampler": SAMPLERS, "submission": SUBMISSIONS, "view": VIEWS,
}  # fmt: skip
CHOICES = [(kind, name) for kind, registry in KINDS.items() for name in registry.names()]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("kind", "name"), CHOICES, ids=[f"{kind}-{name}" for kind, name in CHOICES])
def test_a_choice_is_built_or_refused_with_what_to_write(kind, name, task, data, tmp_path):
    text, overrides = chosen(kind, name, task)
    path = tmp_path / "config.ini"
    path.write_text(CONFIG.format(data=data, work=tmp_path) + TASKS[task] + text, encoding="utf-8")
    try:
        experiment = Experiment.of(settings_from(read_sections(path, overrides), "config.ini"))
        experiment.check()
        trainer = assemble_training(experiment, tmp_path, *experiment.training_data(), fresh=True)
    except ConfigError as error:
        message = str(error)
        assert HELPS.search(message), message
        return

    batch = next(iter(trainer.batches.epoch(0)))
    images, targets = trainer.augmenter(batch.images, batch.targets, epoch=0, batch=0, time=0.0)
    loss = trainer.passes((images,), targets, batches=1)  # forth and back
    assert torch.isfinite(loss)
