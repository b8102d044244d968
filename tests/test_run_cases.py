"""A whole small competition of cases: several images and one answer, from a table to a checked submission."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import sklearn.metrics as theirs

from run import main
from tests.digits import digits, write_csv, write_images
from tests.experiment.smallest import DIGITS_RUN
from utils.read_json import read_json

CONFIG = (
    DIGITS_RUN.replace("{name}", "cases").replace(
        "table = sample.csv", "table = test.csv\ntemplate = sample.csv"
    )
    + """
[task]
name = ClassificationTask
column = digit
[dataset]
name = CsvDataset
label_column = digit
case_column = patient
features = age, ward
extension = .png
folds = 3
[train]
epochs = 2
batch_size = 16
"""
)
CLASSES = 3


def draw(data: Path, *, template_of: str = "patient") -> None:
    """Draw patients with one to three images each, all of one digit; 45 of 60 are known.

    Args:
        template_of: the column with the ids of the template.
    """
    images, labels = digits()
    rng = np.random.default_rng(5)
    drawn = []
    for patient in range(60):
        digit = patient % CLASSES
        chosen = rng.choice(np.flatnonzero(labels == digit), 1 + patient // CLASSES % 3, replace=False)
        age = "" if patient % 9 == 0 else f"{30 + 20 * digit + rng.integers(0, 20)}"
        ward = ("north", "south", "")[patient % 7 // 3] if patient < 58 else "west"
        drawn += [(images[row], f"p{patient:02d}", age, ward, str(digit)) for row in chosen]
    rng.shuffle(drawn)  # the images of a case are not beside one another

    for part, known in (("train", True), ("test", False)):
        rows = [row for row in drawn if (row[1] < "p45") == known]
        names = write_images(data / part, np.stack([image for image, *_ in rows]))
        columns = ("image", "patient", "age", "ward", "digit")[: 5 if known else 4]
        cells = [[name, *row[1 : len(columns)]] for name, row in zip(names, rows, strict=True)]
        write_csv(data / f"{part}.csv", columns, cells)

    ids = sorted({row[template_of] for row in table(data / "test.csv")}, reverse=True)
    write_csv(data / "sample.csv", (template_of, "digit"), [[name, "0"] for name in ids])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the competition, its config and one finished run."""
    work = tmp_path_factory.mktemp("cases")
    (work / "data").mkdir()
    draw(work / "data")
    (work / "config.ini").write_text(CONFIG.format(work=work), encoding="utf-8")
    assert podium(work) == 0
    return work


def podium(work: Path, *arguments: str) -> int:
    return main(["--config", str(work / "config.ini"), *arguments])


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sure(rows: list[dict[str, str]]) -> np.ndarray:
    return np.array([[float(row[f"label/{digit}"]) for digit in range(CLASSES)] for row in rows])


def answers(work: Path, *arguments: str, run: str = "001") -> list[dict[str, str]]:
    """Return what a run says of the eval images."""
    assert podium(work, "--mode", "infer", "--run", run, *arguments) == 0
    return table(work / "runs" / "cases" / run / "test_predictions.csv")


@pytest.mark.slow
def test_a_case_is_scored_once_and_answered_once(work: Path, trained: Path) -> None:
    run = work / "runs" / "cases" / "001"
    validated, scores = table(run / "valid_predictions.csv"), read_json(run / "scores.json")
    truth = {row["patient"]: row["digit"] for row in table(trained / "data" / "train.csv")}
    assert len({row["group"] for row in validated}) == len(validated) == 15  # of 45 patients in three folds
    true = [int(truth[row["group"]]) for row in validated]
    said = sure(validated).argmax(axis=1)
    assert scores["scores"]["accuracy"] == pytest.approx(theirs.accuracy_score(true, said))
    assert scores["scores"]["macro_f1"] == pytest.approx(theirs.f1_score(true, said, average="macro"))
    assert table(run / "class_table.csv")[0]["cases"] == "15"
    config = (run / "config.ini").read_text(encoding="utf-8")
    assert "features = age: number, ward: words north | south" in config

    assert [row["patient"] for row in answers(work)] == [f"p{number}" for number in range(59, 44, -1)]
    rows = table(run / "submission.csv")
    likeliest = sure(table(run / "test_predictions.csv")).argmax(axis=1)
    assert [int(row["digit"]) for row in rows] == likeliest.tolist()
    assert podium(work, "--mode", "check", str(run / "submission.csv")) == 0
    for mode in ("review", "views"):
        assert podium(work, "--mode", mode, "--run", "001") == 0


@pytest.mark.slow
def test_a_template_of_images_gives_each_its_cases_answer(work: Path, trained: Path) -> None:
    by_case = {row["patient"]: row for row in answers(work)}
    case_of = {row["image"]: row["patient"] for row in table(trained / "data" / "test.csv")}
    write_csv(trained / "data" / "images.csv", ("image", "digit"), [[name, "0"] for name in sorted(case_of)])
    by_image = answers(work, "--set", "test_dataset.template=images.csv")
    assert [row.pop("image") for row in by_image] == sorted(case_of)
    for row, name in zip(by_image, sorted(case_of), strict=True):
        assert row.items() < by_case[case_of[name]].items()


@pytest.mark.slow
def test_images_that_cannot_be_read_leave_their_cases_to_others(trained: Path, work: Path, caplog) -> None:
    shutil.copytree(trained / "data", work / "data")
    here, rows = ("--set", f"paths.data={work / 'data'}"), table(trained / "data" / "test.csv")
    images_of: dict[str, list[str]] = {}
    for row in rows:
        images_of.setdefault(row["patient"], []).append(row["image"])
    first, second, *_ = sorted(case for case in images_of if len(images_of[case]) > 1)
    for name in (images_of[first][0], *images_of[second]):
        (work / "data" / "test" / f"{name}.png").write_text("nothing", encoding="utf-8")

    assert podium(work, "--mode", "infer", *here) == 3
    said = {row["patient"]: row for row in answers(work, *here, "--set", "infer.on_bad_image=prior")}
    unread = table(work / "runs" / "cases" / "001" / "unreadable.csv")
    assert [row["id"] for row in unread] == [second]
    assert sure([said[second]])[0] == pytest.approx([1 / 3] * 3, abs=1e-3)
    assert "1 image(s) can't be read: the others of their cases answer for them" in caplog.text


@pytest.mark.slow
def test_folds_and_an_ensemble_see_a_row_a_case(work: Path) -> None:
    few = ("--set", "train.epochs=1")
    assert podium(work, "--folds", "all", *few) == 0
    assert podium(work, "--folds", "all", *few, "--set", "augmentation.MixUp.probability=1") == 0
    whole = table(work / "runs" / "cases" / "002" / "out_of_fold.csv")
    assert len({row["group"] for row in whole}) == len(whole) == 45
    assert podium(work, "--mode", "ensemble", "002", "003") == 0
    made = work / "runs" / "cases_ensemble" / "001"
    assert len(table(made / "out_of_fold.csv")) == 45
    assert podium(work, "--mode", "infer", "--run", str(made)) == 0
    assert len(table(made / "submission.csv")) == 15


@pytest.mark.slow
def test_labels_of_a_model_are_those_of_its_cases_and_keep_the_columns(work: Path, trained: Path) -> None:
    by_case = {row["patient"]: row for row in answers(work)}
    assert podium(work, "--mode", "pseudo", "--run", "001") == 0
    labels = work / "runs" / "cases" / "001" / "pseudo_labels.csv"
    told = {row["image"]: row for row in table(trained / "data" / "test.csv")}
    for row in table(labels):
        image = told[Path(row["file"]).stem]
        assert row["group"] == image["patient"]
        assert row["feature/age"] == image["age"]
        assert row["feature/ward"] == image["ward"].replace("west", "?")  # a word that training has not
        assert sure([row]) == pytest.approx(sure([by_case[image["patient"]]]), abs=1e-6)
    assert podium(work, "--set", f"pseudo.labels={labels}", "--set", "train.epochs=1") == 0
    unlike = ("--set", "dataset.features=age, patient: words")
    assert podium(work, "--set", f"pseudo.labels={labels}", *unlike) == 3


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_bits(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.validator import Validator

    run = Validator.run

    def stopping(self, model):
        monkeypatch.setattr(Validator, "run", run)
        raise KeyboardInterrupt

    monkeypatch.setattr(Validator, "run", stopping)
    assert podium(work) == 4
    assert podium(work, "--resume") == 0
    whole, stopped = (work / "runs" / "cases" / version for version in ("001", "002"))
    assert (whole / "valid_predictions.csv").read_bytes() == (stopped / "valid_predictions.csv").read_bytes()
    kept = [next((folder / "checkpoints").glob("best-*.safetensors")) for folder in (whole, stopped)]
    assert kept[0].read_bytes() == kept[1].read_bytes()
    assert podium(work, "--resume", "--run", str(stopped), "--set", "dataset.features=age") == 2


@pytest.mark.slow
def test_an_exported_model_takes_the_columns_without_podium(work: Path, trained: Path) -> None:
    pytest.importorskip("onnxruntime")
    by_torch = answers(work)
    by_onnx = answers(work, "--set", "infer.engine=onnxruntime")
    assert sure(by_onnx) == pytest.approx(sure(by_torch), abs=2e-6)

    images = [row for row in table(trained / "data" / "test.csv") if row["patient"] in ("p45", "p48", "p57")]
    single = [row for row in images if [r["patient"] for r in images].count(row["patient"]) == 1]
    said = []
    for row in single:
        told = [f"{name}={row[name]}" for name in ("age", "ward") if row[name]]
        said += [str(trained / "data" / "test" / f"{row['image']}.png"), *told]
    example = Path(__file__).parents[1] / "docs" / "use_exported_model.py"
    command = [sys.executable, str(example), str(work / "runs" / "cases" / "001" / "model.onnx"), *said]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    wrong = subprocess.run([*command[:4], "age=old"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stderr.splitlines()[-1]) == (1, "age=old is no number.")
    by_case = {row["patient"]: row for row in by_torch}
    assert len(printed) == len(single) > 0
    for line, row in zip(printed, single, strict=True):
        values = [float(word.partition("=")[2]) for word in line.split()[3:]]
        assert values == pytest.approx(sure([by_case[row["patient"]]])[0].tolist(), abs=2e-5)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (["dataset.features=age, wards"], 3, "Did you mean 'ward'?"),
        (["dataset.features=age, digit"], 3, "test.csv"),  # eval images don't say what is asked
        (["dataset.case_column=patiens"], 3, "Did you mean 'patient'?"),
        (["dataset.features=age: numbers"], 2, "is not of the form COLUMN"),
        (
            ["test_dataset.name=FolderTestDataset", "test_dataset.images=test"],
            2,
            "has no table with the column",
        ),
    ],
)
def test_what_eval_images_or_tables_lack_is_refused_before_training(
    tmp_path: Path, capsys, changes, code, words
) -> None:
    (tmp_path / "data").mkdir()
    draw(tmp_path / "data")
    text = CONFIG.format(work=tmp_path)
    if changes[0].endswith("FolderTestDataset"):
        text = text.replace("table = test.csv\ntemplate = sample.csv\nimages = test\nextension = .png\n", "")
    (tmp_path / "config.ini").write_text(text, encoding="utf-8")
    assert podium(tmp_path, *(part for change in changes for part in ("--set", change))) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_pixels_in_a_csv_have_cases_and_columns_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    draw(tmp_path / "data")
    for part in ("train", "test"):
        rows = table(tmp_path / "data" / f"{part}.csv")
        pixels = [
            cv2.imread(str(tmp_path / "data" / part / f"{row['image']}.png"), 0).ravel() for row in rows
        ]
        columns = (*list(rows[0])[1:], *(f"pixel{place}" for place in range(64)))
        cells = [[*list(row.values())[1:], *values] for row, values in zip(rows, pixels, strict=True)]
        write_csv(tmp_path / "data" / f"{part}.csv", columns, cells)
    text = CONFIG.format(work=tmp_path).replace("CsvDataset", "PixelCsvDataset")
    text = text.replace("images = test\nextension = .png\n", "name = PixelCsvTestDataset\n")
    kept = f"unpacked = {tmp_path}/cache/pixels\n"
    text = text.replace("[test_dataset]\n", f"[test_dataset]\n{kept}").replace("extension = .png\n", kept)
    (tmp_path / "config.ini").write_text(text, encoding="utf-8")
    assert podium(tmp_path, "--set", "train.epochs=1") == 0
    assert [row["patient"] for row in answers(tmp_path)] == [f"p{number}" for number in range(59, 44, -1)]
    assert podium(tmp_path, "--mode", "check", str(tmp_path / "runs/cases/001/submission.csv")) == 0
