"""Eval images that can't be read: refused, or answered with the priors where the config says so."""

import csv
import shutil

import numpy as np
import pytest

from run import main
from tests.digits import draw_canvases, draw_hierarchy, write_csv
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from utils.read_json import read_json

PRIOR = ("--set", "infer.on_bad_image=prior")
EVAL = "[test_dataset]\ntable = sample_submission.csv\nimages = test\n"
TAGS = (
    "[task]\nname = MultiLabelTask\nsubmit = binary\n[dataset]\nname = CsvDataset\nlabel_columns = others\n"
)
LEVELS = (
    "[task]\nname = HierarchyTask\nlevels = parity, size, digit\nnothing = -1\n[dataset]\nname = CsvDataset\n"
)
ONE = (
    "[task]\nname = ClassificationTask\ncolumn = digit\n[dataset]\nname = CsvDataset\nlabel_column = digit\n"
)


def podium(work, *arguments):
    return main(["--config", str(work / "config.ini"), *arguments])


def rows(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def draw(kind, data):
    """Draw a competition; return its sections in a config."""
    if kind == "people":
        lay_out_people(data, small=True)
        return ""
    if kind == "tags":
        draw_canvases(data, 40)
        return TAGS + EVAL + "[loss]\nname = BinaryCrossEntropy\n"
    draw_hierarchy(data)
    if kind == "levels":
        return LEVELS + EVAL
    for name in ("train.csv", "sample_submission.csv"):
        kept = [[row["image"], row["digit"]] for row in rows(data / name)]
        write_csv(data / name, ("image", "digit"), kept)
    return ONE + EVAL


def without_sections(text, own):
    """Return the config without the sections that others replace."""
    parts = text.split("[")
    mine = {part.partition("]")[0] for part in own.split("[")[1:]}
    return "[".join(part for part in parts if part.partition("]")[0] not in mine) + own


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("people", "levels")]


@pytest.fixture(scope="module", params=["one", "tags", *SLOW])
def trained(request, tmp_path_factory):
    """A folder with an ordinary run, 001, and one of two folds, 002, of each kind of task."""
    work = tmp_path_factory.mktemp(request.param)
    own = draw(request.param, work / "data")
    text = SMALL_RUN.format(data=work / "data", work=work)
    (work / "config.ini").write_text(without_sections(text, own), encoding="utf-8")
    assert podium(work) == 0
    assert podium(work, "--folds", "0,1") == 0
    return work


@pytest.fixture
def work(trained, tmp_path, monkeypatch):
    """The same with an eval image that is cut off, and runs that a test may change."""
    monkeypatch.setenv("PODIUM_DATA", str(tmp_path / "data"))  # the runs themselves know the whole images
    for name in ("runs", "data"):
        shutil.copytree(trained / name, tmp_path / name)
    text = (trained / "config.ini").read_text(encoding="utf-8").replace(str(trained), str(tmp_path))
    (tmp_path / "config.ini").write_text(text, encoding="utf-8")
    image = eval_images(tmp_path)[1]
    image.write_bytes(image.read_bytes()[:100])
    return tmp_path


def eval_images(work):
    folder = next(
        path for path in (work / "data" / "test", work / "data" / "eval" / "images") if path.is_dir()
    )
    return sorted(folder.iterdir())


def answered(folder, name):
    """Return the probabilities of one image, by column."""
    (row,) = [row for row in rows(folder / "test_predictions.csv") if name in row.values()]
    return {column: float(value) for column, value in row.items() if "/" in column}


def priors(folder):
    table = read_json(folder / "priors.json")
    return {f"{space}/{label}": share for space, of in table.items() for label, share in of.items()}


def test_it_is_refused_and_the_refusal_names_the_key(work, capsys):
    assert podium(work, "--mode", "infer", "--run", "001") == 3
    message = capsys.readouterr().err
    assert eval_images(work)[1].name in message
    assert "[infer] on_bad_image = prior" in message
    assert not (work / "runs/test/001/submission.csv").exists()


def test_it_gets_the_shares_of_the_training_labels_and_is_listed(work):
    run, name = work / "runs/test/001", eval_images(work)[1].name
    assert podium(work, "--mode", "infer", "--run", "001", *PRIOR) == 0
    assert "NOT LOOKED AT: 1 eval image(s) can't be read" in (run / "log.txt").read_text(encoding="utf-8")
    (listed,) = rows(run / "unreadable.csv")
    assert listed["id"] == name
    assert "cut off" in listed["why"] or "damaged" in listed["why"]
    assert answered(run, name) == pytest.approx(priors(run), abs=2e-6)
    assert len(rows(run / "submission.csv")) == len(eval_images(work))


def test_all_others_are_answered_as_they_are_without_it(work):
    run, image = work / "runs/test/001", eval_images(work)[1]
    assert podium(work, "--mode", "infer", "--run", "001", *PRIOR) == 0
    with_it = rows(run / "test_predictions.csv")
    shutil.copy(eval_images(work)[0], image)  # mended
    assert podium(work, "--mode", "infer", "--run", "001", *PRIOR) == 0
    assert not (run / "unreadable.csv").exists()
    without = rows(run / "test_predictions.csv")
    changed = [a for a, b in zip(with_it, without, strict=True) if a != b]
    assert [image.name in row.values() for row in changed] == [True]


def test_views_images_that_are_not_stored_and_folds_answer_it_alike(work):
    name = eval_images(work)[1].name
    run = work / "runs/test/001"
    assert podium(work, "--mode", "infer", "--run", "001", *PRIOR, "--set", "infer.views=Flip") == 0
    assert answered(run, name) == pytest.approx(priors(run), abs=2e-6)
    text = (run / "config.ini").read_text(encoding="utf-8")
    (run / "config.ini").write_text(text.replace("store_budget = auto", "store_budget = 0"), encoding="utf-8")
    shutil.rmtree(work / "cache", ignore_errors=True)
    assert podium(work, "--mode", "infer", "--run", "001", *PRIOR) == 0
    assert answered(run, name) == pytest.approx(priors(run), abs=2e-6)
    assert podium(work, "--mode", "infer", "--run", "002", *PRIOR) == 0
    whole = work / "runs/test/002"
    members = [whole / "fold-0", whole / "fold-1"]
    mean = {column: np.mean([priors(one)[column] for one in members]) for column in priors(members[0])}
    assert answered(whole, name) == pytest.approx(mean, abs=2e-6)
    for folder in (whole, *members):
        assert [row["id"] for row in rows(folder / "unreadable.csv")] == [name]


@pytest.mark.slow
def test_an_ensemble_says_which_answers_its_members_did_not_look_at(work, capsys):
    name = eval_images(work)[1].name
    assert podium(work, "--mode", "ensemble", "001", "002") == 0
    folder = work / "runs/test_ensemble/001"
    assert podium(work, "--mode", "infer", "--run", str(folder), *PRIOR) == 0
    assert [row["id"] for row in rows(folder / "unreadable.csv")] == [name]
    (work / "runs/test/001/unreadable.csv").unlink()  # which says what nobody looked at
    (work / "runs/test/002/unreadable.csv").unlink()
    assert podium(work, "--mode", "infer", "--run", str(folder), *PRIOR) == 0
    assert "runs/test/001/unreadable.csv is gone" in capsys.readouterr().out
    assert [row["id"] for row in rows(folder / "unreadable.csv")] == [name]
    (work / "runs/test/001/unreadable.csv").unlink()
    (work / "runs/test/002/unreadable.csv").unlink()
    assert podium(work, "--mode", "infer", "--run", str(folder)) == 3  # what members made up is not taken
    assert "[infer] on_bad_image = prior" in capsys.readouterr().err
    shutil.copy(eval_images(work)[0], eval_images(work)[1])
    assert podium(work, "--mode", "infer", "--run", str(folder)) == 0
    assert not (folder / "unreadable.csv").exists()


def test_a_run_that_wrote_no_priors_takes_those_of_the_training_table(work):
    run, name = work / "runs/test/001", eval_images(work)[1].name
    (run / "priors.json").unlink()
    assert podium(work, "--mode", "infer", "--run", "001", *PRIOR) == 0
    assert all(0 <= share <= 1 for share in answered(run, name).values())
    for table in ("train.csv", "train"):
        path = work / "data" / table
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
    code = podium(work, "--mode", "infer", "--run", "001", *PRIOR)
    assert code in (2, 3)  # without labels nobody knows the priors


def test_of_no_readable_eval_image_nothing_is_made_up(work, capsys):
    for image in eval_images(work):
        image.write_bytes(b"")
    assert podium(work, "--mode", "infer", "--run", "001", *PRIOR) == 3
    assert "Not one eval image can be read" in capsys.readouterr().err


def test_no_pseudo_label_is_made_up_for_it(work, capsys):
    assert podium(work, "--mode", "pseudo", "--run", "001", *PRIOR) == 3
    assert eval_images(work)[1].name in capsys.readouterr().err
