"""Whole small competitions, each handed in as its organiser wants it: from a table to a checked file."""

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import dataset.submissions
from dataset.submissions.base import SUBMISSIONS
from run import main
from tests.digits import digits, write_csv, write_images
from tests.experiment.smallest import DIGITS_RUN

CONFIG = (
    DIGITS_RUN.replace("{name}", "digits")
    + """
[task]
name = ClassificationTask
[metric]
{metric}
[submission]
{submission}
[dataset]
name = CsvDataset
label_column = label
separator = none
extension = .png
[train]
epochs = 2
batch_size = 16
"""
)
NAMES = [f"{number:04d}" for number in range(20)]
Run = Callable[..., int]


@pytest.fixture
def competition(tmp_path: Path) -> Run:
    """A function that writes a competition with ten images of each label and more, and runs its config."""

    def run(
        metric: str,
        submission: str,
        *arguments: str,
        labels: Sequence[str] = ("small", "large"),
        columns: Sequence[str] = ("label",),
        rows: Sequence[Sequence[str]] | None = None,
    ) -> int:
        draw(tmp_path / "data", labels)
        rows = [[name, *("0" for _ in columns)] for name in NAMES] if rows is None else rows
        write_csv(tmp_path / "data" / "sample.csv", ("id", *columns), rows)
        config = tmp_path / "config.ini"
        text = CONFIG.format(work=tmp_path, metric=metric, submission=submission)
        config.write_text(text, encoding="utf-8")
        return main(["--config", str(config), *arguments])

    return run


def draw(data: Path, labels: Sequence[str]) -> None:
    """Draw digits, and upside down those that are more than ten."""
    images, found = digits()
    ten = [images[found == digit] for digit in range(10)]
    kinds = [*ten, *(part[:, ::-1, ::-1] for part in ten)][: len(labels)]
    train = np.concatenate([kind[:20] for kind in kinds])
    names = write_images(data / "train", train)
    truth = [[name, labels[number // 20]] for number, name in enumerate(names)]
    write_csv(data / "train.csv", ("image", "label"), truth)
    write_images(data / "test", np.concatenate([kind[20:30] for kind in kinds])[:20])


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def predicted(folder: Path) -> np.ndarray:
    rows = table(folder / "test_predictions.csv")
    return np.array([[float(value) for name, value in row.items() if "/" in name] for row in rows])


@pytest.mark.slow
def test_two_classes_by_auc_with_one_column(competition: Run, tmp_path: Path, capsys) -> None:
    form = "name = Positive\npositive = small\nfile = mine.csv"
    metric, columns = "name = RocAuc\npositive = small", ("p_small",)
    assert competition(metric, form, columns=columns) == 0
    assert competition(metric, form, "--mode", "infer", columns=columns) == 0
    folder = tmp_path / "runs" / "digits" / "001"
    rows = table(folder / "mine.csv")
    assert not (folder / "submission.csv").exists()
    assert [list(row) for row in rows] == [["id", "p_small"]] * 20
    assert [row["id"] for row in rows] == NAMES
    sure = predicted(folder)  # labels stand in order: large, small
    assert [float(row["p_small"]) for row in rows] == pytest.approx(sure[:, 1].tolist(), abs=2e-6)

    # The run's own form, and that of the config where a file has no run.
    assert competition(metric, form, "--mode", "check", str(folder / "mine.csv"), columns=columns) == 0
    alone = tmp_path / "alone.csv"
    alone.write_bytes((folder / "mine.csv").read_bytes())
    there = ("--set", f"paths.runs={tmp_path / 'none'}")
    assert competition(metric, form, "--mode", "check", str(alone), *there, columns=columns) == 0
    alone.write_text(alone.read_text().replace("0000,0", "0000,7"))
    capsys.readouterr()
    assert competition(metric, form, "--mode", "check", str(alone), *there, columns=columns) == 3
    assert "is no probability in [0, 1]" in capsys.readouterr().err


@pytest.mark.slow
def test_seventeen_classes_by_log_loss_with_a_column_each(competition: Run, tmp_path: Path) -> None:
    labels = [f"kind {number}" for number in range(17)]
    columns = [f"p_{label}" for label in reversed(labels)]
    metric, form = "name = LogLoss", "name = Probabilities\ncolumn = p_{label}\ndigits = 8"
    assert competition(metric, form, labels=labels, columns=columns) == 0
    assert competition(metric, form, "--mode", "infer", labels=labels, columns=columns) == 0
    folder = tmp_path / "runs" / "digits" / "001"
    rows = table(folder / "submission.csv")
    assert list(rows[0]) == ["id", *columns]
    shares = np.array([[float(row[f"p_{label}"]) for label in sorted(labels)] for row in rows])
    np.testing.assert_allclose(shares, predicted(folder), atol=2e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    file = str(folder / "submission.csv")
    assert competition(metric, form, "--mode", "check", file, labels=labels, columns=columns) == 0


@pytest.mark.slow
def test_a_row_for_each_image_and_class(competition: Run, tmp_path: Path, capsys) -> None:
    labels = ("one", "two", "two_b")
    rows = [[f"{name}_{label}", "0.5"] for label in labels for name in reversed(NAMES)]
    metric, form = "name = LogLoss", "name = Long"
    wanted = {"labels": labels, "columns": ("Label",), "rows": rows}
    assert competition(metric, form, **wanted) == 0
    assert competition(metric, form, "--mode", "infer", **wanted) == 0
    folder = tmp_path / "runs" / "digits" / "001"
    found = table(folder / "submission.csv")
    assert [row["id"] for row in found] == [row[0] for row in rows]
    shares = np.array([float(row["Label"]) for row in found]).reshape(3, 20).T
    np.testing.assert_allclose(shares, predicted(folder), atol=2e-6)

    file = folder / "submission.csv"
    assert competition(metric, form, "--mode", "check", str(file), **wanted) == 0
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    capsys.readouterr()
    assert competition(metric, form, "--mode", "check", str(file), **wanted) == 3
    said = capsys.readouterr().err
    assert "59 rows where the template has 60" in said
    assert "'0019_one'" in said


@pytest.mark.slow
def test_the_likeliest_labels_in_a_cell_by_map_at_k(competition: Run, tmp_path: Path) -> None:
    labels = [f"kind {number}" for number in range(6)]
    metric, form = "name = MapAtK\nk = 3", "name = TopLabels\nk = 3\nseparator = comma"
    assert competition(metric, form, labels=labels, columns=("guess",)) == 0
    assert competition(metric, form, "--mode", "infer", labels=labels, columns=("guess",)) == 0
    folder = tmp_path / "runs" / "digits" / "001"
    order = np.argsort(-predicted(folder), axis=1)[:, :3]
    found = [row["guess"].split(",") for row in table(folder / "submission.csv")]
    assert found == [[labels[i] for i in row] for row in order.tolist()]
    file = str(folder / "submission.csv")
    assert competition(metric, form, "--mode", "check", file, labels=labels, columns=("guess",)) == 0


@pytest.mark.slow
def test_a_finished_run_is_handed_in_in_another_form(competition: Run, tmp_path: Path) -> None:
    assert competition("name = MacroF1", "name = Template") == 0
    sure = ("--set", "submission.name=Positive")
    assert competition("name = MacroF1", "name = Template", "--mode", "infer", *sure) == 0
    folder = tmp_path / "runs" / "digits" / "001"
    found = [float(row["label"]) for row in table(folder / "submission.csv")]
    assert found == pytest.approx(predicted(folder)[:, 1].tolist(), abs=2e-6)


@pytest.mark.slow
def test_pixels_in_a_csv(competition: Run, tmp_path: Path) -> None:
    images, found = digits()
    rows = np.flatnonzero(found < 2)[:60]
    columns = [f"pixel{place}" for place in range(64)]
    data = tmp_path / "data"
    data.mkdir()
    train = [[found[row], *images[row].ravel()] for row in rows[:40]]
    write_csv(data / "train.csv", ("label", *columns), train)
    write_csv(data / "test.csv", columns, [images[row].ravel() for row in rows[40:]])
    write_csv(data / "sample_submission.csv", ("ImageId", "Label"), [[n, 0] for n in range(1, 21)])
    config = tmp_path / "pixels.ini"
    text = CONFIG.format(work=tmp_path, metric="name = Accuracy", submission="name = Template")
    for section, end, reader in (
        ("test_dataset", "images", "PixelCsvTestDataset"),
        ("dataset", "train", "PixelCsvDataset\nlabel_column = label"),
    ):
        before, after = text.split(f"[{section}]")[0], text[text.index(f"[{end}]") :]
        text = f"{before}[{section}]\nname = {reader}\nunpacked = {tmp_path}/cache/pixels\n{after}"
    config.write_text(text, encoding="utf-8")
    before = {path: path.read_bytes() for path in data.iterdir()}
    assert main(["--config", str(config)]) == 0
    assert main(["--config", str(config), "--mode", "infer"]) == 0
    file = tmp_path / "runs" / "digits" / "001" / "submission.csv"
    assert main(["--config", str(config), "--mode", "check", str(file)]) == 0
    assert [row["ImageId"] for row in table(file)] == [str(number) for number in range(1, 21)]
    likeliest = predicted(file.parent).argmax(axis=1)
    assert [row["Label"] for row in table(file)] == list(map(str, likeliest.tolist()))
    assert {path: path.read_bytes() for path in data.iterdir()} == before


REFUSED = {
    "three classes": ("name = Positive", ("a", "b", "c"), ("label",), 2, "here are 3 labels"),
    "other columns": ("name = Probabilities", ("a", "b"), ("a", "c"), 3, "the task writes a, b"),
    "no such form": ("name = Positiv", ("a", "b"), ("a",), 2, "'Positive'"),
    "no such option": ("name = Positive\npositiv = a", ("a", "b"), ("a",), 2, "'positive'"),
    "the run's own file": ("file = scores.json", ("a", "b"), ("label",), 2, "is a file of the run itself"),
    "a folder": ("file = out/mine.csv", ("a", "b"), ("label",), 2, "without / in it"),
    "not long": ("name = Long", ("a", "b"), ("label",), 3, "there is no '_' between image and label"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_could_not_be_handed_in_is_refused_before_training(
    what: str, competition: Run, tmp_path: Path, capsys
) -> None:
    form, labels, columns, code, message = REFUSED[what]
    assert competition("name = MacroF1", form, labels=labels, columns=columns) == code
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/digits/*/checkpoints/*"))


SUREST = '''
"""The likeliest label and how sure it is."""

from dataset.submissions.base import SUBMISSIONS, Submission, deciding, sure
from dataset.tasks.answers import Answers, no_probability, one_hot


@SUBMISSIONS.register
class Surest(Submission):
    """The likeliest label and its probability, in two columns.

    Args:
        sure: the column with the probability.
    """

    def __init__(self, *, sure: str = "sure") -> None:
        self.sure = sure

    def columns(self, task):
        return ("label", self.sure)

    def answers(self, task, logits):
        shares = sure(task, logits)
        return [{"label": task.label_texts[row.argmax()], self.sure: f"{row.max():.3f}"} for row in shares]

    def submitted(self, task, answers):
        labels = task.questions[deciding(task)]
        return {deciding(task): Answers(labels, one_hot([row["label"] for row in answers], task.label_texts))}

    def wrong_value(self, task, column, value):
        if column == self.sure:
            return no_probability(value)
        return None if value in task.label_texts else "is no label"
'''


@pytest.mark.slow
def test_a_stranger_adds_a_form_in_one_file(competition: Run, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "surest.py").write_text(SUREST, encoding="utf-8")
    monkeypatch.setattr(dataset.submissions, "__path__", [*dataset.submissions.__path__, str(folder)])
    monkeypatch.setattr(
        SUBMISSIONS, "_classes", {name: SUBMISSIONS.get(name) for name in SUBMISSIONS.names()}
    )
    monkeypatch.setattr(SUBMISSIONS, "_imported", False)
    try:
        form, columns = "name = Surest\nsure = share", ("label", "share")
        assert competition("name = MacroF1", form, columns=columns) == 0
        assert competition("name = MacroF1", form, "--mode", "infer", columns=columns) == 0
        file = tmp_path / "runs" / "digits" / "001" / "submission.csv"
        assert competition("name = MacroF1", form, "--mode", "check", str(file), columns=columns) == 0
    finally:
        sys.modules.pop("dataset.submissions.surest", None)
    assert [row["share"] for row in table(file)] == [f"{row.max():.3f}" for row in predicted(file.parent)]
