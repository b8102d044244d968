"""What the README shows is what works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiment.read_settings import check
from experiment.settings import CHOSEN
from inference.views.base import VIEWS
from tools.ensemble.decisions.base import DECISIONS
from tools.ensemble.methods.base import ENSEMBLES
from train.callbacks.base import CALLBACKS
from utils.ini import read_ini

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILES = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", README, re.DOTALL)
INI = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)

TRAIN_ON_FLOWERS = """
[run]
name = flowers
device = cpu
[paths]
data = {work}/data
runs = {work}/runs
cache = {work}/cache
[task]
name = FlowerTask
[dataset]
name = FlowerFolders
[images]
size = 16, 16
[augmentation]
name = TrainAugmentation
[augmentation.Posterise]
fewest = 4
[model]
name = Stripes
stripes = 4
[loss]
name = GeneralisedCrossEntropy
q = 0.5
[scheduler]
name = Linear
warmup = 0.5
[train]
epochs = 2
batch_size = 8
[callback.TensorBoard]
[callback.TrainScores]
"""

MAKE_FLOWERS = """
import sys, cv2, numpy as np
from pathlib import Path
root = Path(sys.argv[1])
rng = np.random.default_rng(0)
for number, kind in enumerate(("daisy", "rose", "tulip")):
    (root / "train" / kind).mkdir(parents=True)
    for i in range(10):
        image = rng.integers(0, 60, (20, 20, 3), dtype=np.uint8)
        image[..., number] += 150
        cv2.imwrite(str(root / "train" / kind / f"{i}.jpg"), image)
(root / "eval" / "images").mkdir(parents=True)
cv2.imwrite(str(root / "eval" / "images" / "a.jpg"), image)
(root / "eval" / "info.csv").write_text("ImageID,label\\na.jpg,\\n")
"""


def test_the_readme_config_is_valid(tmp_path):
    readme = tmp_path / "readme.ini"
    readme.write_text(max(INI, key=len), encoding="utf-8")
    sections = {"paths": read_ini(ROOT / "config.ini")["paths"]} | read_ini(readme)
    assert check(sections, "README.md").chosen["model"].name == "EfficientNetB4"


@pytest.mark.slow
def test_the_examples_of_adding_things_run_as_they_stand(tmp_path):
    """A copy of the project with the README's files added trains and predicts another competition."""
    assert len(FILES) == 6
    copy = tmp_path / "podium"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if name.endswith((".py", ".toml")) and not name.startswith("tests/") and (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    for name, text in FILES:
        (copy / name).write_text(text, encoding="utf-8")
    (copy / "flowers.ini").write_text(TRAIN_ON_FLOWERS.format(work=tmp_path), encoding="utf-8")
    run(copy, "-c", MAKE_FLOWERS, str(tmp_path / "data"))
    run(copy, "run.py", "--config", "flowers.ini")
    run(copy, "run.py", "--config", "flowers.ini", "--mode", "infer")
    submission = tmp_path / "runs" / "flowers" / "001" / "submission.csv"
    assert submission.read_text().startswith("ImageID,label\na.jpg,")
    run(copy, "-m", "ruff", "check", "--no-cache", *(name for name, _ in FILES))


def test_every_class_is_in_the_readme_table():
    for registry in (*(registry for registry, _ in CHOSEN.values()), CALLBACKS, DECISIONS, ENSEMBLES, VIEWS):
        for name in registry.names():
            assert f"`{name}`" in README, f"{name} is not in the README's table of what can be chosen"


def run(folder: Path, *arguments: str) -> None:
    found = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
