"""Ensembles of finished runs, from their files alone: scores, choice, submission."""

import csv
import json
import shutil

import numpy as np
import pytest

from dataset.tasks.classification import ClassificationTask
from dataset.tasks.multi_label import MultiLabelTask
from experiment.assemble import Experiment
from inference.saved import write_digest
from run import main
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from tools.ensemble.pool import common_form
from utils.durable import write_json
from utils.errors import ConfigError
from utils.read_json import read_json

JOINT = ("--set", "task.joint=yes", "--set", "optimizer.lr=0.01")


def podium(work, *arguments):
    return main(["--config", str(work / "config.ini"), *arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data, a config and runs: 001 and 002 (one head) of two folds, 003 of one of these."""
    work = tmp_path_factory.mktemp("ensembles")
    lay_out_people(work / "data")
    (work / "config.ini").write_text(SMALL_RUN.format(data=work / "data", work=work), encoding="utf-8")
    assert podium(work, "--folds", "0,1") == 0
    assert podium(work, "--folds", "0,1", *JOINT) == 0
    assert podium(work, "--set", "dataset.valid_fold=1", "--set", "optimizer.lr=0.01") == 0
    assert podium(work, "--set", "dataset.valid_fold=2") == 0
    assert podium(work, "--mode", "infer", "--run", "001") == 0
    return work


@pytest.fixture
def ensemble(work, caplog):
    """Return a function that makes an ensemble and returns its folder and what was printed."""

    def ensemble(*arguments):
        caplog.set_level("INFO", logger="podium")
        caplog.clear()
        before = set((work / "runs").glob("*/*"))
        assert podium(work, "--mode", "ensemble", *arguments) == 0
        (folder,) = set((work / "runs").glob("*/*")) - before
        return folder, "\n".join(caplog.messages)

    return ensemble


@pytest.fixture(scope="module")
def kept(trained, tmp_path_factory):
    """The ensemble of 001 and 002, out of the way of those that tests make."""
    assert podium(trained, "--mode", "ensemble", "001", "002") == 0
    made = trained / "runs" / "test_ensemble"
    return made.rename(tmp_path_factory.mktemp("kept") / made.name)


@pytest.fixture
def both(trained, kept, work):
    """The folder of the ensemble of 001 and 002 among the runs that a test may change."""
    shutil.copytree(kept, work / "runs" / kept.name)
    folder = work / "runs" / kept.name / "001"
    made = json.dumps(read_json(folder / "ensemble.json"))
    write_json(folder / "ensemble.json", json.loads(made.replace(f"{trained}/runs", f"{work}/runs")))
    return folder


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def table(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def numbers(path):
    rows = table(path)
    columns = [column for column in rows[0] if "/" in column]
    return {row[next(iter(row))]: [float(row[column]) for column in columns] for row in rows}


def test_an_ensemble_of_one_run_is_that_run(work, ensemble):
    own = work / "runs" / "test" / "001"
    folder, _ = ensemble("001", "--set", "ensemble.decision=none")
    assert folder == work / "runs" / "test_ensemble" / "001"
    assert numbers(folder / "out_of_fold.csv") == numbers(own / "out_of_fold.csv")
    # The run's scores are of more digits than its file has.
    for score, value in read(own / "scores.json")["scores"].items():
        assert read(folder / "scores.json")["scores"][score] == pytest.approx(value, abs=1e-9)
    assert read(folder / "scores.json")["intervals"] == read(own / "scores.json")["intervals"]
    assert podium(work, "--mode", "infer", "--run", str(folder)) == 0
    for name in ("submission.csv", "test_predictions.csv"):
        assert (folder / name).read_text() == (own / name).read_text()


def test_the_table_has_a_row_for_each_member_and_each_method(ensemble):
    folder, text = ensemble("001", "002")
    lines = [line.split() for line in text.splitlines()]
    shown = {line[0]: line for line in lines[::-1] if line}  # of each name its first line
    ways = [
        "test/001",
        "test/002",
        "BestOfEachSpace",
        "Greedy",
        "HardVote",
        "RankMean",
        "SoftVote",
        "Stacking",
    ]
    for name in [*ways, "WeightedMean"]:
        assert name in shown
    for name in ("ClassBias", "PriorCorrection"):
        assert name in shown
    kept = {(one["name"], one["decision"]): one for one in read(folder / "scores.json")["of_ways"]}
    for name in ways:
        assert shown[name][1] == f"{kept[name, None]['macro_f1']:.4f}"
        low, high = kept[name, None]["interval"]
        assert low <= high
    assert "Decision: " in text
    assert "Method: " in text
    assert (folder / "log.txt").read_text().strip() in text


def test_members_with_other_heads_are_joined_and_their_order_changes_nothing(work, ensemble):
    folder, _ = ensemble("001", "002")
    other, _ = ensemble("002", "001")
    for name in ("out_of_fold.csv", "ensemble.json", "config.ini", "scores.json", "members.png"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    rows = table(folder / "out_of_fold.csv")
    assert len(rows) == len({row["id"] for row in rows})
    assert next(column for column in rows[0] if "/" in column) == "class/wear male young"
    assert "joint = yes" in (folder / "config.ini").read_text()
    assert podium(work, "--mode", "compare", "001", str(folder)) == 0


def test_a_soft_vote_is_the_mean_out_of_fold_and_for_the_eval_images(work, ensemble):
    method = (
        "--set",
        "ensemble.method=SoftVote",
        "--set",
        "ensemble.decision=none",
        "--set",
        "run.name=mine",
    )
    folder, _ = ensemble("001", "002", *method)
    assert folder == work / "runs" / "mine" / "001"
    assert podium(work, "--mode", "infer", "--run", str(folder)) == 0
    for name in ("out_of_fold.csv", "test_predictions.csv"):
        heads, joint, found = (
            numbers(of / name) for of in (work / "runs/test/001", work / "runs/test/002", folder)
        )
        assert found.keys() == heads.keys() == joint.keys()
        for image, values in found.items():
            mask, gender, age = np.split(np.array(heads[image]), [3, 5])
            product = np.einsum("i,j,k->ijk", mask, gender, age).ravel()
            assert values == pytest.approx((product + joint[image]) / 2, abs=2e-6)
    answers = [row["ans"] for row in table(folder / "submission.csv")]
    assert answers == [
        str(int(np.argmax(values))) for values in numbers(folder / "test_predictions.csv").values()
    ]


def test_members_that_have_predicted_are_not_run_again(work, both, monkeypatch):
    def refuse(*_):
        raise AssertionError("an image was opened")

    assert not (work / "runs/test/002/test_predictions.csv").exists()
    assert podium(work, "--mode", "infer", "--run", str(both)) == 0  # which lets 002 predict
    assert (work / "runs/test/002/test_predictions.csv").exists()
    first = (both / "submission.csv").read_bytes()
    monkeypatch.setattr(Experiment, "images", refuse)
    assert podium(work, "--mode", "infer", "--run", str(both)) == 0
    assert (both / "submission.csv").read_bytes() == first


def test_a_member_that_predicts_for_an_ensemble_is_neither_listed_nor_held_against_itself(
    work, both, caplog, monkeypatch
):
    monkeypatch.setattr("tools.submissions.record.is_demo", lambda folder: False)  # else nothing is listed
    (work / "runs/test/001/test_predictions.csv").unlink()
    caplog.set_level("INFO", logger="podium")
    assert podium(work, "--mode", "infer", "--run", str(both)) == 0
    listed = table(work / "submissions.csv")
    assert [row["runs"] for row in listed] == ["runs/test_ensemble/001"]
    assert caplog.text.count("Listed as") == 1
    (look,) = [message for message in caplog.messages if "held against what" in message]
    assert str(both) in look
    assert (work / "runs/test/001/submission.csv").exists()
    assert (work / "runs/test/002/submission.csv").exists()

    assert podium(work, "--mode", "infer", "--run", "002") == 0  # which a team may upload
    assert [row["runs"] for row in table(work / "submissions.csv")][1:] == ["runs/test/002"]


@pytest.mark.parametrize(
    "mark", [[{"pretrained": "runs/x"}], {"fold-0": [{"pretrained": "runs/x"}], "fold-1": []}]
)
def test_an_ensemble_inherits_the_leak_of_a_member(work, ensemble, mark):
    path = work / "runs/test/002/scores.json"
    write_json(path, read_json(path) | {"leak": mark})
    folder, text = ensemble("001", "002")
    assert read(folder / "scores.json")["leak"] == [{"pretrained": "runs/x"}]
    assert read(folder / "environment.json")["leak"] == [{"pretrained": "runs/x"}]
    assert "LEAK: a member began with a run that was trained on who validates here" in text
    clean, text = ensemble("001", "001/fold-0")
    assert "leak" not in read(clean / "scores.json")
    assert "LEAK" not in text


def test_predictions_of_other_images_are_made_anew(work, ensemble, caplog):
    folder, _ = ensemble("001", "--set", "ensemble.decision=none")
    path = work / "runs/test/001/test_predictions.csv"
    good = path.read_text()
    lines = good.splitlines()
    path.write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")  # in another order
    write_digest(path)
    assert podium(work, "--mode", "infer", "--run", str(folder)) == 0
    assert "is of other images, or in another order" in caplog.text
    assert path.read_text() == good


def test_predictions_that_the_disk_has_changed_are_made_anew(work, ensemble, caplog):
    folder, _ = ensemble("001", "--set", "ensemble.decision=none")
    path = work / "runs/test/001/test_predictions.csv"
    good = path.read_text()
    path.write_text(good.replace(",0.3", ",0.2", 1))
    assert path.read_text() != good
    assert podium(work, "--mode", "infer", "--run", str(folder)) == 0
    assert f"{path} is damaged or was edited" in caplog.text
    assert path.read_text() == good


def test_predictions_of_a_member_that_was_stopped_before_their_digest_get_one(work, ensemble):
    folder, _ = ensemble("001", "--set", "ensemble.decision=none")
    assert podium(work, "--mode", "infer", "--run", "001") == 0
    digest = work / "runs/test/001/test_predictions.json"
    written = digest.read_bytes()
    digest.rename(digest.with_name(".test_predictions.json.999999999.tmp"))
    assert podium(work, "--mode", "infer", "--run", str(folder)) == 0
    assert digest.read_bytes() == written
    assert not list(digest.parent.glob(".*.tmp"))


def test_a_member_that_changed_is_refused(work, both, capsys):
    path = work / "runs/test/002/out_of_fold.csv"
    path.write_text(path.read_text().replace("0.1", "0.2", 1))
    shutil.rmtree(work / "runs/test/001")
    assert podium(work, "--mode", "infer", "--run", str(both)) == 2
    message = capsys.readouterr().err
    assert "001 is not there" in message
    assert "002 is another run by now" in message


@pytest.mark.parametrize(
    "change",
    [
        {"members": None},
        {"members": [[]]},
        {"members": [{"run": "a"}]},
        {"method": "text"},
        {"method": []},
        {"fitted": -1},
        {"fitted": {"x": "y"}, "method": "Stacking", "decision": ""},
        {"decision": None},
        {"decision_fitted": [[]]},
        {"fitted": {"weights": [1.0, 2.0, 3.0]}, "method": "Greedy", "decision": ""},
    ],
)
def test_an_ensemble_json_that_holds_something_else_is_refused_by_its_name(work, both, capsys, change):
    write_json(both / "ensemble.json", read_json(both / "ensemble.json") | change)
    assert podium(work, "--mode", "infer", "--run", str(both)) == 3
    assert "ensemble.json is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["ensemble", "compare"])
@pytest.mark.parametrize("change", [{"files": [[]]}, {"scores": 7}, {"intervals": -1}, {"tuning": "text"}])
def test_a_scores_json_that_holds_something_else_is_refused_by_its_name(work, capsys, mode, change):
    path = work / "runs/test/002/scores.json"
    write_json(path, read_json(path) | change)
    assert podium(work, "--mode", mode, "001", "002") == 3
    assert f"{path} is damaged: {next(iter(change))} = " in capsys.readouterr().err


def test_runs_that_moved_together_still_predict(work, ensemble):
    ensemble("001", "--set", "ensemble.decision=none")
    moved = work / "elsewhere"
    (work / "runs").rename(moved)
    assert podium(work, "--mode", "infer", "--run", str(moved / "test_ensemble" / "001")) == 0
    assert (moved / "test_ensemble/001/submission.csv").exists()


def test_only_images_that_all_validated_are_used_and_the_others_are_counted(work, ensemble):
    folder, text = ensemble("001", "003")
    both, one = (
        len(table(work / "runs/test" / name)) for name in ("001/out_of_fold.csv", "003/valid_predictions.csv")
    )
    assert f"test/001: validated {both} images, of which {both - one} are left out" in text
    assert f"test/003: validated {one} images\n" in text
    assert len(table(folder / "out_of_fold.csv")) == one


def test_an_ensemble_can_be_a_member(work, ensemble):
    first, _ = ensemble("001", "002", "--set", "ensemble.method=SoftVote", "--set", "ensemble.decision=none")
    second, _ = ensemble(str(first), "002", "--set", "run.name=twice")
    assert podium(work, "--mode", "infer", "--run", str(second)) == 0
    assert (first / "submission.csv").exists()


def test_its_own_config_makes_it_again(work, ensemble):
    folder, _ = ensemble(
        "001", "002", "--set", "ensemble.method=greedy", "--set", "ensemble.decision=classbias"
    )
    assert read(folder / "ensemble.json")["method"] == "Greedy"
    assert read(folder / "ensemble.json")["decision"] == "ClassBias"
    assert sum(read(folder / "ensemble.json")["fitted"]["weights"]) == pytest.approx(1)
    assert main(["--config", str(folder / "config.ini"), "--mode", "ensemble"]) == 0
    again = folder.parent / "002"
    for name in ("out_of_fold.csv", "ensemble.json", "scores.json", "config.ini"):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--mode ensemble needs runs"),
        (["001", "001"], "A run can be a member once"),
        (["001", "009"], "There is no run '009'"),
        (["003", "004"], "No image was validated by both"),
        (["001", "003", "004"], "No image was validated by all of"),
        (["001", "--resume"], "no meaning with --mode ensemble"),
        (["001", "--set", "train.epochs=2"], "belongs to training"),
        (["001", "--set", "ensemble.method=Gredy"], "Did you mean 'Greedy'?"),
        (
            ["001", "--set", "ensemble.decision=Thresholds"],
            "is not for MaskTask with its metrics. Write one of these: auto, none, ClassBias, Prior",
        ),
        (["001", "--set", "ensemble.rnus=002"], "Did you mean 'runs'?"),
    ],
)
def test_what_can_not_be_made_is_refused(work, capsys, arguments, words):
    before = sorted((work / "runs").rglob("*"))
    assert podium(work, "--mode", "ensemble", *arguments) == 2
    message = capsys.readouterr().err
    assert words in message
    assert "Traceback" not in message
    assert sorted((work / "runs").rglob("*")) == before


def test_runs_that_answer_different_questions_are_told_what_each_of_them_answers():
    pets = ClassificationTask(root=None, labels_found=lambda: ("cat", "dog"))
    colours = MultiLabelTask(root=None, labels_found=lambda: ("red", "blue"))
    with pytest.raises(ConfigError) as error:
        common_form([("pets/001", pets), ("colours/001", colours)])
    assert "  - pets/001 answers label (cat, dog)\n  - colours/001 answers labels (" in str(error.value)


@pytest.mark.parametrize("mode", ["pseudo", "views", "export"])
def test_what_needs_weights_refuses_an_ensemble(work, ensemble, capsys, mode):
    folder, _ = ensemble("001")
    assert podium(work, "--mode", mode, "--run", str(folder)) == 2
    assert "is an ensemble" in capsys.readouterr().err
