"""Two finished runs side by side: scores, people and configs, from their files alone."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dataset.demo.draw import draw_demo_data
from experiment.changes import ChangedKey, changes
from experiment.read_settings import read_sections, settings_from
from experiment.saved_run import SavedRun
from run import main
from tests.experiment.finished import seal
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from utils.errors import DataError


def podium(work, *arguments):
    return main(["--config", str(work / "config.ini"), *arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data, a config and runs: 001, 002 with other settings, 003 with another fold."""
    work = tmp_path_factory.mktemp("compared")
    lay_out_people(work / "data")
    (work / "config.ini").write_text(SMALL_RUN.format(data=work / "data", work=work), encoding="utf-8")
    assert podium(work) == 0
    other = ("task.joint=yes", "optimizer.lr=0.01", "callback.EMA.decay=0.9")
    assert podium(work, *(text for setting in other for text in ("--set", setting))) == 0
    assert podium(work, "--set", "dataset.valid_fold=1") == 0
    return work


@pytest.fixture
def compare(work, caplog):
    """Return a function that returns what comparing two runs prints."""

    def compare(*arguments):
        caplog.set_level("INFO", logger="podium")
        caplog.clear()
        assert podium(work, "--mode", "compare", *arguments) == 0
        return caplog.messages[-1]

    return compare


def table(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    seal(path)


def answer(work, run, wrong):
    """Let a run with three heads be sure and right, but wrong about the mask of the images in ``wrong``."""
    folder = work / "runs" / "test" / run
    rows = table(folder / "valid_predictions.csv")
    saved = SavedRun.read(folder, ())
    answers = saved.task.answers(saved.targets)
    for place, row in enumerate(rows):
        for space in saved.task.spaces:
            right = space.labels[answers[space.name][place]]
            chosen = "incorrect" if (space.name, row["id"]) in {("mask", name) for name in wrong} else right
            row |= {f"{space.name}/{label}": float(label == chosen) for label in space.labels}
    write(folder / "valid_predictions.csv", rows)
    return rows


def line(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_a_run_against_itself_differs_in_nothing(compare):
    text = compare("001", "001")
    for score in ("macro-F1", "accuracy"):
        assert line(text, f"{score}  ").split()[-4:] == ["+0.0000", "[+0.0000,", "+0.0000]", "50.0%"]
        assert f"{score}: not decided: the interval of the difference holds 0." in text
    for words in (
        "The F1 of each label is the same.",
        "in A only 0, in B only 0,",
        "Each person has as many images right in A as in B.",
        "Their configs are the same.",
    ):
        assert words in text


def test_the_table_of_both_is_read_and_named_once(compare, caplog):
    compare("001", "001")
    assert len([said for said in caplog.messages if said.startswith("Labels of:")]) == 1


def test_scores_and_intervals_are_those_that_training_wrote(work, compare):
    shutil.copytree(work / "runs" / "test" / "001", work / "copy")
    text = compare("001", str(work / "copy"))
    finished = json.loads((work / "copy" / "scores.json").read_text())
    for score, words in (("macro_f1", "macro-F1"), ("accuracy", "accuracy")):
        low, high = finished["intervals"][score]
        value = finished["scores"][score]
        assert low <= high
        assert f"{value:.4f}  [{low:.3f}, {high:.3f}]" in line(text, f"{words}  ")


def test_two_runs_by_hand(work, compare):
    rows = answer(work, "001", [])
    first = rows[0]["group"]
    missed = [row["id"] for row in rows if row["group"] == first][-3:]
    other = next(row["id"] for row in rows if row["group"] != first and Path(row["id"]).stem == "mask1")
    shutil.copytree(work / "runs" / "test" / "001", work / "better")
    answer(work, "001", [*missed, other])
    people = len({row["group"] for row in rows})
    text = compare("001", str(work / "better"))
    assert f"Both validated {len(rows)} images of {people} people" in text
    right = (len(rows) - 4) / len(rows)
    assert line(text, "accuracy  ").split()[1:2] == [f"{right:.4f}"]
    assert f"{1 - right:+.4f}" in line(text, "accuracy  ")
    assert f"in both {len(rows) - 4}, in A only 0, in B only 4, in neither 0" in text
    start = text.splitlines().index(line(text, "person  "))
    groups = [shown.split() for shown in text.splitlines()[start + 1 : start + 3]]
    assert [shown[1:] for shown in groups] == [["7", "4", "7"], ["7", "6", "7"]]
    assert groups[0][0] == first
    worst = line(text, "class incorrect")
    assert "1.0000  [" in worst
    assert "Their configs are the same." in text


def test_whether_b_is_better_is_said_in_words(work, compare):
    rows = answer(work, "001", [])
    shutil.copytree(work / "runs" / "test" / "001", work / "right")
    wrong = [row["id"] for row in rows if Path(row["id"]).stem != "incorrect_mask"]
    answer(work, "001", wrong)
    text = compare("001", str(work / "right"))
    assert "accuracy: B is better: the interval of the difference is above 0." in text
    assert line(text, "accuracy  ").split()[-1] == "100.0%"
    text = compare(str(work / "right"), "001")
    assert "accuracy: A is better: the interval of the difference is below 0." in text
    assert line(text, "accuracy  ").split()[-1] == "0.0%"


def test_runs_with_other_heads_are_compared_and_their_configs_too(compare):
    text = compare("001", "002")
    for words in (
        "[task] joint: 'no' -> 'yes'",
        "[optimizer] lr: '0.001' -> '0.01'",
        "[callback.EMA] decay: not there -> '0.9'",
    ):
        assert words in text
    assert "[paths]" not in text
    for view in ("mask", "gender", "age"):
        assert line(text, f"{view} macro-F1")
    assert "class macro-F1" not in text  # which is the macro-F1 above


def test_only_images_that_both_validated_count(work, compare):
    path = work / "runs" / "test" / "002" / "valid_predictions.csv"
    rows = table(path)
    write(path, rows[:0:-1][:9])  # another order, and fewer
    text = compare("001", "002")
    assert f"which validated {len(rows)} images" in text
    assert "which validated 9\n" in text
    assert "Both validated 9 images of" in text
    write(path, rows[:0:-1][:9][::-1])
    assert compare("001", "002") == text


def refusal(work, capsys, *arguments, code=2):
    assert podium(work, *arguments) == code
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def test_runs_without_a_common_image_are_refused(work, capsys):
    message = refusal(work, capsys, "--mode", "compare", "001", "003")
    assert "No image was validated by both" in message


def test_runs_that_disagree_on_labels_or_people_are_refused(work, capsys):
    config = work / "runs" / "test" / "002" / "config.ini"
    config.write_text(config.read_text().replace("age_boundaries = 30, 60", "age_boundaries = 23, 60", 1))
    path = work / "runs" / "test" / "002" / "valid_predictions.csv"
    rows = table(path)
    write(path, [row | {"group": "somebody"} for row in rows])
    message = refusal(work, capsys, "--mode", "compare", "001", "002")
    assert f"group of {rows[0]['id']}: '{rows[0]['group']}' and 'somebody'" in message
    assert "label of" in message


def test_data_that_lacks_the_images_is_refused(work, tmp_path, capsys):
    draw_demo_data(tmp_path / "other", people=20, eval_people=2, seed=9)
    other = ("--set", f"paths.data={tmp_path / 'other'}")
    message = refusal(work, capsys, "--mode", "compare", "001", "002", *other, code=3)
    assert "is not in it" in message
    assert "--set paths.data=" in message


def test_predictions_that_are_damaged_are_refused(work, capsys):
    path = work / "runs" / "test" / "001" / "valid_predictions.csv"
    path.write_text(path.read_text().replace("mask/wear", "mask/on"))
    assert "no column 'mask/wear', but 'mask/on'" in refusal(
        work, capsys, "--mode", "compare", "001", "002", code=3
    )
    path.unlink()
    assert "There is no file" in refusal(work, capsys, "--mode", "compare", "001", "002", code=3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mode", "compare"], "takes two runs, not 0"),
        (["--mode", "compare", "001"], "takes two runs, not 1"),
        (["--mode", "compare", "001", "002", "003"], "takes two runs, not 3"),
        (["--mode", "compare", "001", "009"], "There is no run '009'"),
        (["--mode", "compare", "001", "002", "--run", "001"], "no meaning with --mode compare"),
        (["--mode", "compare", "001", "--resume", "002"], "no meaning with --mode compare"),
        (["--mode", "compare", "001", "002", "--set", "train.epochs=2"], "compare can be set: paths"),
        (["001"], "--mode train does not take: 001"),
        (["--mode", "infer", "001", "002"], "--mode infer does not take: 001 002"),
        (["--mode", "list", "001"], "no section, class or key '001'"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(work, capsys, arguments, words):
    assert words in refusal(work, capsys, *arguments)


def test_labels_are_the_organisers(work):
    # rule: validation is scored on the organiser's labels, whatever was trained on
    config = work / "runs" / "test" / "001" / "config.ini"
    before = SavedRun.read(config.parent, ()).targets
    config.write_text(
        config.read_text().replace("train_age_boundaries = none", "train_age_boundaries = 5, 99")
    )
    after = SavedRun.read(config.parent, ()).targets
    assert all(np.array_equal(before[name], after[name]) for name in before)
    with pytest.raises(DataError, match="There is no folder nowhere"):
        SavedRun.read(config.parent, ["paths.data=nowhere"])


def test_changes_are_named_with_their_section_and_those_of_places_are_not(work):
    def loaded(*overrides):
        return settings_from(read_sections(work / "config.ini", overrides), "config.ini")

    assert changes(loaded(), loaded("paths.cache=elsewhere", "infer.batch_size=3")) == []
    found = changes(loaded(), loaded("train.epochs=2", "callback.EMA.decay=0.5"))
    assert ChangedKey("train", "epochs", "'1'", "'2'") in found
    assert ChangedKey("callback.EMA", "decay", "not there", "'0.5'") in found
    assert changes(loaded("train.epochs=2"), loaded()) == [ChangedKey("train", "epochs", "'2'", "'1'")]
