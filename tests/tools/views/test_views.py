"""What views gain, shown on a trained run, and a submission that uses them."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch

from experiment import ask_again
from experiment.allowed_moves import build_views
from experiment.assemble import Experiment
from experiment.eval_data import eval_data
from experiment.finished_run import load_weights
from experiment.read_settings import read_sections, settings_from
from inference.bootstrap import ConfidenceInterval, Difference
from inference.views.base import VIEWS
from run import main
from tests.digits import draw_canvases
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from tools.views.mode import _advice
from utils.metrics import best_thresholds

MANY = """
[task]
name = MultiLabelTask
decide = tuned
submit = binary
[dataset]
name = CsvDataset
label_columns = others
[test_dataset]
table = sample_submission.csv
images = test
[loss]
name = BinaryCrossEntropy
"""


def podium(work, *arguments):
    return main(["--config", str(work / "config.ini"), *arguments])


def settings(*pairs):
    return [text for pair in pairs for text in ("--set", pair)]


def table(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with runs of drawn people: 001 of two folds with two seeds, 002 an ordinary one."""
    work = tmp_path_factory.mktemp("viewed")
    lay_out_people(work / "data")
    text = SMALL_RUN.format(data=work / "data", work=work).replace(
        "size = 32, 24", "size = 32, 24\nroom = 0.2"
    )
    (work / "config.ini").write_text(text, encoding="utf-8")
    assert podium(work, "--folds", "0,2", "--seeds", "2") == 0
    assert podium(work) == 0
    return work


@pytest.fixture
def work(trained, tmp_path):
    """The same with runs that a test may change."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    text = (trained / "config.ini").read_text().replace(f"runs = {trained}", f"runs = {tmp_path}")
    (tmp_path / "config.ini").write_text(text)
    return tmp_path


def lines(caplog):
    return [line for message in caplog.messages for line in message.splitlines()]


def test_without_views_the_scores_are_those_of_the_run_and_each_view_is_held_against_them(work, caplog):
    caplog.set_level("INFO", logger="podium")
    assert podium(work, "--mode", "views", "--run", "001") == 0
    folder = work / "runs" / "test" / "001"
    said, kept = (
        json.loads((folder / "scores.json").read_text()),
        json.loads((folder / "views.json").read_text()),
    )
    assert list(kept["views"]) == ["none", *VIEWS.names(), "all"]
    for score in ("macro_f1", "accuracy"):
        alone = kept["views"]["none"][score]
        assert alone["score"] == pytest.approx(said["scores"][score])
        assert alone["interval"] == pytest.approx(said["intervals"][score])
        for mean, of in kept["views"].items():
            low, high = of[score]["interval of the gain"]
            assert of[score]["gain"] == pytest.approx(of[score]["score"] - alone["score"]), mean
            assert low <= high
    printed = lines(caplog)
    first = next(line for line in printed if line.startswith("Flip")).split()
    assert first[1] == "2"
    assert first[2] == f"{kept['views']['Flip']['macro_f1']['score']:.4f}"
    assert not any("differ by up to" in line for line in printed)
    assert any("To take the best of these rows is to tune on these images" in line for line in printed)


def test_the_advice_is_the_row_that_gains_most_beyond_noise_or_no_views():
    def row(value: float, low: float) -> dict[str, Difference]:
        none = ConfidenceInterval(0.5, 0.5)
        return {
            "macro_f1": Difference(
                0.5, 0.5 + value, none, none, ConfidenceInterval(low, 2 * value - low), 0.9
            )
        }

    found = {"none": row(0, 0), "Flip": row(0.01, 0.002), "Shift": row(0.03, -0.01), "all": row(0.005, 0.001)}
    assert _advice("macro_f1", ["Flip", "Shift"], found).endswith("[infer]\nviews = Flip")
    found["all"] = row(0.02, 0.001)
    assert _advice("macro_f1", ["Flip", "Shift"], found).endswith("[infer]\nviews = Flip, Shift")
    del found["all"], found["Flip"]
    assert "predict without views" in _advice("macro_f1", ["Shift"], found)


def test_images_are_asked_of_the_members_that_held_them_out(work, monkeypatch):
    asked = {}

    def noting(model, experiment, folder):
        asked["model"] = folder.name
        load_weights(model, experiment, folder)

    real = ask_again.predict

    def predicting(model, batches, precision, *, what):
        found = real(model, batches, precision, what=what)
        asked[asked.pop("model")] = set(found.rows.tolist())
        return found

    monkeypatch.setattr(ask_again, "load_weights", noting)
    monkeypatch.setattr(ask_again, "predict", predicting)
    assert podium(work, "--mode", "views", "--run", "001", *settings("infer.views=Flip")) == 0
    folder = work / "runs" / "test" / "001"
    every = sorted(
        str(path.relative_to(work_data(work))) for path in work_data(work).glob("train/images/*/*")
    )
    row_of = {name: row for row, name in enumerate(every)}
    assert asked.keys() == {"fold-0-seed-7", "fold-0-seed-8", "fold-2-seed-7", "fold-2-seed-8"}
    for name, rows in asked.items():
        own = {row["group"] for row in table(folder / name / "split.csv") if row["fold"] == name[5]}
        assert rows == {row for file, row in row_of.items() if file.split("/")[2] in own}


def work_data(work):
    return settings_from(read_sections(work / "config.ini"), "config.ini").paths.data


def test_a_submission_with_views_is_the_mean_over_them_and_without_it_is_as_before(work):
    folder = work / "runs" / "test" / "002"
    files = ("submission.csv", "test_predictions.csv")
    assert podium(work, "--mode", "infer") == 0
    before = [(folder / name).read_bytes() for name in files]
    chosen = settings("infer.views=Shift, flip", "view.Shift.by=0.1")
    assert podium(work, "--mode", "infer", *chosen) == 0
    with_views = [(folder / name).read_bytes() for name in files]
    assert with_views != before
    experiment = Experiment.of(settings_from(read_sections(work / "config.ini", chosen[1::2]), "config.ini"))
    _, batches = eval_data(experiment)
    views = build_views(experiment.settings, experiment.task, experiment.prepare.size)
    model = experiment.model(fresh=False)
    load_weights(model, experiment, folder)
    model.eval()
    whole = torch.cat([batch.images for batch in batches])
    assert whole.shape[2:] == experiment.prepare.size != experiment.settings.images.size
    shown = [whole[:, :, 3:35, 2:26], *(images for view in views.values() for images in view.images(whole))]
    with torch.no_grad():
        answers = [experiment.task.probabilities(model(images)) for images in shown]
    rows = table(folder / "test_predictions.csv")
    for space in experiment.task.spaces:
        expected = np.mean([answer[space.name].numpy() for answer in answers], axis=0)
        found = [[float(row[f"{space.name}/{label}"]) for label in space.labels] for row in rows]
        np.testing.assert_allclose(found, expected, atol=2e-6)
    assert podium(work, "--mode", "infer", *settings("infer.views=flip, Shift", "view.Shift.by=0.1")) == 0
    assert [(folder / name).read_bytes() for name in files] == with_views
    assert podium(work, "--mode", "infer") == 0
    assert [(folder / name).read_bytes() for name in files] == before


def test_views_in_the_config_change_nothing_of_training(work):
    assert podium(work, *settings("infer.views=Flip, FiveCrop")) == 0
    one, other = (work / "runs" / "test" / version for version in ("002", "003"))
    for name in ("valid_predictions.csv", "scores.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert "views = Flip, FiveCrop" in (other / "config.ini").read_text()


def test_pseudo_labels_may_come_from_views_too(work):
    labels = work / "runs" / "test" / "002" / "pseudo_labels.csv"
    written = []
    for views in ("none", "Flip"):
        assert podium(work, "--mode", "pseudo", *settings(f"infer.views={views}")) == 0
        written.append(labels.read_bytes())
    assert written[0] != written[1]


def test_a_photo_that_is_no_longer_there_is_an_error(work, tmp_path, capsys):
    shutil.copytree(work_data(work), tmp_path / "data")
    gone = table(work / "runs" / "test" / "002" / "valid_predictions.csv")[0]["id"]
    (tmp_path / "data" / gone).unlink()
    arguments = settings(f"paths.data={tmp_path / 'data'}", "infer.views=Flip")
    assert podium(work, "--mode", "views", *arguments) == 3
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert gone.rpartition("/")[0].rpartition("/")[2] in message


def test_changed_photos_are_noticed(work, tmp_path, caplog):
    shutil.copytree(work_data(work), tmp_path / "data")
    photos = [
        tmp_path / "data" / row["id"]
        for row in table(work / "runs" / "test" / "002" / "valid_predictions.csv")
    ]
    first = photos[0].read_bytes()
    photos[0].write_bytes(photos[-1].read_bytes())
    photos[-1].write_bytes(first)
    arguments = settings(f"paths.data={tmp_path / 'data'}", "infer.views=Flip")
    assert podium(work, "--mode", "views", *arguments) == 0
    assert "validated these images with probabilities that differ by up to" in caplog.text


def write_digits_config(work, changed_by=""):
    """Draw a data set with any number of labels on an image, and write a config for it."""
    draw_canvases(work / "digits")
    text = SMALL_RUN.format(data=work / "digits", work=work)
    before, of_people = text.split("[task]")
    many = MANY.replace("decide", f"changed_by = {changed_by}\ndecide")
    (work / "config.ini").write_text(before + many + "[images]" + of_people.partition("[images]")[2])


def test_a_task_that_forbids_every_view_is_told_so(tmp_path, capsys):
    write_digits_config(tmp_path, changed_by="flip, shift, scale, turn")
    assert podium(tmp_path) == 0
    assert podium(tmp_path, "--mode", "views") == 2
    assert "ConfigError: This run's task forbids every view." in capsys.readouterr().err
    assert podium(tmp_path, "--mode", "infer", *settings("infer.views=flip")) == 2
    assert "Flip may flip an image, but [task] changed_by = " in capsys.readouterr().err


def test_thresholds_are_tuned_to_what_the_views_show(tmp_path, monkeypatch):
    write_digits_config(tmp_path)
    assert podium(tmp_path, "--folds", "0,1") == 0
    folder = tmp_path / "runs" / "test" / "001"
    answers = []
    real = ask_again.ask_again
    monkeypatch.setattr(
        "experiment.as_trained.ask_again", lambda *given: answers.append(real(*given)) or answers[-1]
    )
    assert podium(tmp_path, "--mode", "infer") == 0
    assert answers == []  # those that training found are right without views
    assert podium(tmp_path, "--mode", "infer", *settings("infer.views=Shift, Scale")) == 0
    (answer,) = answers
    found = answer.means["all"]
    probabilities = found.logits["labels"].sigmoid().numpy()
    thresholds = best_thresholds(found.targets["labels"].numpy() > 0.5, probabilities, 0.5)
    tuned = json.loads((folder / "scores.json").read_text())["tuning"]
    assert not np.allclose(thresholds, tuned["thresholds"], atol=1e-6)
    assert podium(tmp_path, "--final", "001") == 0
    assert podium(tmp_path, "--mode", "infer", *settings("infer.views=Shift, Scale")) == 0
    for run in (folder, folder.with_name("002")):  # a final fit decides as its folds do
        test = table(run / "test_predictions.csv")
        for row, submitted in zip(test, table(run / "submission.csv"), strict=True):
            chosen = [float(row[f"labels/{digit}"]) >= thresholds[digit] for digit in range(10)]
            assert [submitted[str(digit)] == "1" for digit in range(10)] == chosen
    assert len(answers) == 2
