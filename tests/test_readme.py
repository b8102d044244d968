"""What the README and the pages of docs/ show is what works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiment.read_settings import read_sections, settings_from
from tests.forks import python_elsewhere
from utils.errors import ConfigError
from utils.ini import read_ini
from utils.read_json import read_json

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "recipes" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
FILES = [
    file for text in TEXTS.values() for file in re.findall(r"```python\n# (\S+\.py)\n(.*?)```", text, re.S)
]
CONFIGS = [
    pytest.param(config, id=f"{page.relative_to(ROOT).as_posix()}-{number}")
    for page, text in TEXTS.items()
    for number, config in enumerate(re.findall(r"```ini\n(.*?)```", text, re.S))
]
# What an example leaves out since it stands in every config.
REST = """\
[run]
name = example
[paths]
data = somewhere
[task]
name = MaskTask
[dataset]
name = SplitByProfileDataset
[images]
size = 32, 24
[model]
name = TinyNet
[train]
epochs = 1
"""
TYPOS = {"[optimizer]": "[optimiser]", "epochs = 10": "epochs = ten", "pretrained": "pretraind"}

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
[head]
name = Dropped
samples = 2
[loss]
name = GeneralisedCrossEntropy
q = 0.5
[metric]
name = MeanReciprocalRank
[metric.FileMetric]
file = my_metric.py
higher_is_better = no
[scheduler]
name = Linear
warmup = 0.5
[train]
epochs = 2
batch_size = 8
[callback.TensorBoard]
[callback.TrainScores]
[callback.WeakestLabels]
most = 1
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


def anchors(page: Path) -> set[str]:
    """Return what a link to a heading of a page may say after its #."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", TEXTS[page], flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_a_front_door_of_at_most_200_lines():
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_or_picture_or_anchor_leads_nowhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", TEXTS[page], flags=re.S)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}: no such heading"


def test_every_page_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = [page.parent / path for path in re.findall(r"\]\(([^)\s#]+\.md)", TEXTS[page])]
        waiting += [link for link in map(Path.resolve, links) if link not in reached]
    assert set(PAGES) - reached == set()


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_that_is_shown_is_valid(config, tmp_path):
    (tmp_path / "rest.ini").write_text(REST, encoding="utf-8")
    (tmp_path / "shown.ini").write_text(config, encoding="utf-8")
    settings_from(read_ini(tmp_path / "rest.ini") | read_ini(tmp_path / "shown.ini"), "shown.ini")


def test_the_readme_config_is_whole_and_has_as_many_lines_as_its_heading_says(tmp_path):
    (tmp_path / "config.ini").write_text(readme_config(), encoding="utf-8")
    settings = settings_from(read_sections(tmp_path / "config.ini"), "config.ini")
    assert settings.chosen["model"].name == "EfficientNetB4"
    assert f"## The config in {len(readme_config().splitlines())} lines" in README


def test_the_readme_shows_the_error_of_three_typos_as_it_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = readme_config()
    for right, wrong in TYPOS.items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    Path("config.ini").write_text(text, encoding="utf-8")
    shown = re.search(r"```\nConfigError: (.*?)\n```", README, re.S).group(1)
    with pytest.raises(ConfigError) as error:
        settings_from(read_sections(Path("config.ini")), "config.ini")
    assert re.fullmatch(re.escape(shown).replace(r"\.\.\.", ".*"), str(error.value))


def readme_config() -> str:
    return re.search(r"```ini\n(.*?)```", README, re.S).group(1)


@pytest.mark.slow
def test_the_examples_of_adding_things_run_as_they_stand(tmp_path):
    """A copy of the project with the pages' files added trains and predicts another competition."""
    copy = tmp_path / "podium"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if name.endswith((".py", ".toml")) and not name.startswith("tests/") and (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    for name, text in FILES:
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(text, encoding="utf-8")
    (copy / "tools" / "best" / "__init__.py").write_text('"""The best runs."""\n', encoding="utf-8")
    (copy / "flowers.ini").write_text(TRAIN_ON_FLOWERS.format(work=tmp_path), encoding="utf-8")
    run(copy, "-c", MAKE_FLOWERS, str(tmp_path / "data"))
    run(copy, "run.py", "--config", "flowers.ini")
    run(copy, "run.py", "--config", "flowers.ini", "--mode", "infer")
    submission = tmp_path / "runs" / "flowers" / "001" / "submission.csv"
    assert submission.read_text().startswith("ImageID,label\na.jpg,")
    assert re.match(r"001  \d\.\d{4}\n$", run(copy, "run.py", "--config", "flowers.ini", "--mode", "best"))
    scores = read_json(tmp_path / "runs" / "flowers" / "001" / "scores.json")
    assert scores["monitor"] == "mean_reciprocal_rank"
    assert scores["lower_is_better"] == ["my_metric"]
    log = (tmp_path / "runs" / "flowers" / "001" / "log.txt").read_text(encoding="utf-8")
    assert len(re.findall(r"Weakest: kind (daisy|rose|tulip), F1 [01]\.\d{4}", log)) == 2  # epochs
    assert "RegNetY008" in run(copy, "run.py", "--mode", "list", "model")
    assert "near 0 it is cross-entropy" in run(copy, "run.py", "--mode", "list", "GeneralisedCrossEntropy")
    for words in (("check",), ("format", "--check")):
        ruff = [sys.executable, "-m", "ruff", *words, "--no-cache", *(name for name, _ in FILES)]
        done = subprocess.run(ruff, cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def run(folder: Path, *arguments: str) -> str:
    process = python_elsewhere(folder, folder, *arguments)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    return out
