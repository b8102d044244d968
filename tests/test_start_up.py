"""Starting up is quick: no mode loads what it has no use for, and no file is asked twice."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dataset.images.open_images import open_images
from dataset.images.prepare import Prepare
from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.readers.test_dataset import TestDataset
from dataset.tasks.mask import MaskTask

READ_THE_SETTINGS = """
import sys
from pathlib import Path
from experiment.mode import MODES
from experiment.read_settings import settings_from, read_sections
from utils.seeds import make_deterministic

make_deterministic()
MODES.names()
settings_from(read_sections(Path("config.ini"), []), "config.ini")
print(*sys.modules)
"""
# Each of them takes from half a second to three; a model of timm's, training or TensorBoard needs some.
HEAVY = {
    "timm",
    "torchvision",
    "torch._dynamo",
    "torch._inductor",
    "matplotlib",
    "tensorboard",
    "sympy",
    "pandas",
}


@pytest.mark.slow
def test_reading_a_config_loads_nothing_heavy_beside_torch():
    command = [sys.executable, "-c", READ_THE_SETTINGS]
    repository = Path(__file__).parents[1]
    loaded = subprocess.run(
        command, cwd=repository, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "torch" in loaded
    assert not HEAVY & set(loaded)


@pytest.fixture
def asked(monkeypatch):
    """How often the file system was asked about each path since the test began."""
    counts: Counter[str] = Counter()
    for name in ("stat", "lstat", "readlink"):
        ask = getattr(os, name)

        def counting(path, *args, ask=ask, **options):
            counts[os.fspath(path) if not isinstance(path, int) else path] += 1
            return ask(path, *args, **options)

        monkeypatch.setattr(os, name, counting)
    return counts


def test_each_image_is_asked_for_its_size_and_time_once(mask_folder, tmp_path, asked):
    folder = mask_folder(3)
    files = [str(path) for path in folder.images.rglob("*.*")]
    asked.clear()
    dataset = SplitByProfileDataset(root=folder.root, task=MaskTask(), seed=0, folds=2)
    open_images(folder.root, dataset.files, Prepare((8, 6)), tmp_path / "cache", budget=1, what="test")
    assert dataset.fingerprint() == dataset.fingerprint()
    assert {file: asked[file] for file in files} == dict.fromkeys(files, 1)
    images = TestDataset(root=folder.root)
    open_images(folder.root, images.files, Prepare((8, 6)), tmp_path / "cache", budget=1, what="test")
    files = [str(folder.root / file) for file in images.files]
    assert {file: asked[file] for file in files} == dict.fromkeys(files, 1)
