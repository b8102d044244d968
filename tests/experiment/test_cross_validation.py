"""All folds as one run: what it leaves, that its parts are runs like any other, and that nothing leaks."""

import csv
import gc
import json
import shutil
import signal
import statistics
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from experiment import cross_validation
from experiment.assemble import Experiment
from experiment.read_settings import read_sections, settings_from
from run import main
from tests.digits import canvases, write_csv, write_images
from tests.people import lay_out_people
from tests.test_run import CONFIG, EVERY_STEP, assert_same_run, finish, process
from train import checkpoint
from utils.errors import ConfigError
from utils.metrics import best_thresholds

FOLDS = ("--set", "dataset.folds=3", "--set", "train.epochs=1")
ALL = (*FOLDS, "--folds", "all")
PEOPLE, PHOTOS = 20, 7


def podium(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), *arguments])


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def probabilities(path: Path, space: str) -> np.ndarray:
    rows = table(path)
    columns = [column for column in rows[0] if column.startswith(f"{space}/")]
    return np.array([[float(row[column]) for column in columns] for row in rows])


def scores_of(folder: Path) -> dict:
    return json.loads((folder / "scores.json").read_text())


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a config, and a finished run of three folds of it that has predicted."""
    work = tmp_path_factory.mktemp("folds")
    lay_out_people(work / "data", people=PEOPLE)
    (work / "config.ini").write_text(CONFIG.format(data=work / "data", work=work), encoding="utf-8")
    assert podium(work / "config.ini", *ALL, "--set", "callback.TensorBoard.sheet=1") == 0
    assert podium(work / "config.ini", "--mode", "infer") == 0
    assert podium(work / "config.ini", "--mode", "pseudo") == 0
    return work


@pytest.fixture
def config(work: Path) -> Path:
    return work / "config.ini"


@pytest.fixture
def group(work: Path) -> Path:
    return work / "runs" / "test" / "001"


def test_the_classes_are_printed_once_and_kept_in_each_member(group):
    log = (group / "log.txt").read_text(encoding="utf-8")
    assert log.count("train people") == 1
    assert all((group / f"fold-{fold}" / "class_table.csv").exists() for fold in range(3))
    assert log.count("Classes: ") == 2  # where those of the other folds are
    assert "train people" in (group / "fold-0" / "log.txt").read_text(encoding="utf-8")


def test_every_training_image_is_predicted_once_by_the_member_that_held_it_out(group, work):
    found = table(group / "out_of_fold.csv")
    images = sorted(str(path.relative_to(work / "data")) for path in work.glob("data/train/images/*/*"))
    assert sorted(row["id"] for row in found) == images
    assert len(images) == PEOPLE * PHOTOS
    assert [row["id"] for row in found] == images  # in the table's order
    people = {(row["group"], row["fold"]) for row in found}
    assert len(people) == PEOPLE
    for fold in range(3):
        own = [row for row in found if row["fold"] == str(fold)]
        assert own == table(group / f"fold-{fold}" / "valid_predictions.csv")


def test_the_scores_are_those_of_all_images_together_and_of_each_fold(group):
    scores, found = scores_of(group), table(group / "out_of_fold.csv")
    chosen = {
        space: probabilities(group / "out_of_fold.csv", space).argmax(1)
        for space in ("mask", "gender", "age")
    }
    answers = 6 * chosen["mask"] + 3 * chosen["gender"] + chosen["age"]
    true = [true_class(row["id"]) for row in found]
    assert scores["scores"]["macro_f1"] == pytest.approx(
        f1_score(true, answers, labels=range(18), average="macro", zero_division=0), abs=1e-12
    )
    folds = [scores_of(group / f"fold-{fold}")["scores"] for fold in range(3)]
    for name in ("macro_f1", "accuracy", "loss"):
        values = [fold[name] for fold in folds]
        assert [scores["of_folds"][str(fold)][name] for fold in range(3)] == values
        assert scores["of_folds"]["mean"][name] == pytest.approx(statistics.fmean(values), abs=1e-12)
        assert scores["of_folds"]["sd"][name] == pytest.approx(statistics.stdev(values), abs=1e-12)
        assert [scores["of_members"][f"fold-{fold}"][name] for fold in range(3)] == values
    assert scores["monitor"] == "macro_f1"


def true_class(file: str) -> int:
    _, gender, _, age = Path(file).parent.name.split("_")
    mask = {"incorrect_mask": 1, "normal": 2}.get(Path(file).stem, 0)
    return 6 * mask + 3 * (gender == "female") + (int(age) >= 30) + (int(age) >= 60)


def test_both_numbers_are_printed_under_their_names(group):
    text, scores = (group / "log.txt").read_text(), scores_of(group)
    assert f"macro-F1 {scores['scores']['macro_f1']:.4f}" in text.partition("Out of fold: 140 images")[2]
    mean = scores["of_folds"]["mean"]["macro_f1"]
    assert f"mean       macro-F1 {mean:.4f}" in text.partition("Mean of the 3 folds' own scores")[2]


def test_a_member_is_the_run_that_its_fold_is_by_itself_bit_for_bit(config, group, work, tmp_path):
    alone = ("--set", "dataset.valid_fold=1", "--set", f"paths.runs={tmp_path}")
    assert podium(config, *FOLDS, *alone) == 0
    assert_same_run(group / "fold-1", tmp_path / "test" / "001")
    member = (group / "fold-1" / "config.ini").read_text()
    assert "valid_fold = 1" in member
    assert "folds = none" in member
    assert podium(group / "fold-1" / "config.ini", "--set", f"paths.runs={tmp_path}") == 0
    assert_same_run(group / "fold-1", tmp_path / "test" / "002")


def test_the_submission_is_of_the_mean_probabilities_and_a_member_predicts_what_it_did(
    config, group, tmp_path
):
    for space in ("mask", "gender", "age"):
        own = [probabilities(group / f"fold-{fold}" / "test_predictions.csv", space) for fold in range(3)]
        mean = probabilities(group / "test_predictions.csv", space)
        np.testing.assert_allclose(mean, np.mean(own, axis=0), atol=1.01e-6)
    chosen = {
        space: probabilities(group / "test_predictions.csv", space).argmax(1)
        for space in ("mask", "gender", "age")
    }
    answers = 6 * chosen["mask"] + 3 * chosen["gender"] + chosen["age"]
    assert [int(row["ans"]) for row in table(group / "submission.csv")] == answers.tolist()
    member = tmp_path / "fold-1"
    shutil.copytree(group / "fold-1", member)
    before = (member / "test_predictions.csv").read_bytes()
    (member / "test_predictions.csv").unlink()
    assert podium(config, "--mode", "infer", "--run", str(member)) == 0
    assert (member / "test_predictions.csv").read_bytes() == before
    assert (member / "submission.csv").exists()


def test_one_fold_is_its_member(config, group, tmp_path):
    own = ("--set", f"paths.runs={tmp_path}")
    assert podium(config, *FOLDS, "--folds", "1", *own) == 0
    assert podium(config, "--mode", "infer", *own) == 0
    whole = tmp_path / "test" / "001"
    assert sorted(path.name for path in whole.iterdir() if path.is_dir()) == ["fold-1"]
    assert_same_run(whole / "fold-1", group / "fold-1")
    assert (whole / "out_of_fold.csv").read_bytes() == (
        whole / "fold-1" / "valid_predictions.csv"
    ).read_bytes()
    assert (whole / "test_predictions.csv").read_bytes() == (
        group / "fold-1" / "test_predictions.csv"
    ).read_bytes()
    scores, member = scores_of(whole), scores_of(whole / "fold-1")["scores"]
    assert scores["of_folds"]["sd"] == {}
    assert scores["intervals"] == scores_of(whole / "fold-1")["intervals"]
    assert {name: value for name, value in member.items() if name != "loss"} == scores["scores"]


def test_the_order_of_rows_changes_nothing(config, group, work, tmp_path):
    shutil.copytree(work / "data", tmp_path / "data")
    path = tmp_path / "data" / "train" / "train.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *rows[7:], *rows[6::-1]]) + "\n")
    own = ("--set", f"paths.runs={tmp_path}", "--set", f"paths.data={tmp_path}/data")
    assert podium(config, *ALL, *own) == 0
    for name in ("out_of_fold.csv", "scores.json"):
        assert (tmp_path / "test" / "001" / name).read_bytes() == (group / name).read_bytes()


def test_seeds_repeat_the_same_folds_and_are_averaged(config, group, tmp_path):
    own = ("--set", f"paths.runs={tmp_path}")
    assert podium(config, *FOLDS, "--folds", "0,2", "--seeds", "2", *own) == 0
    whole = tmp_path / "test" / "001"
    names = [f"fold-{fold}-seed-{seed}" for fold in (0, 2) for seed in (7, 8)]
    assert sorted(path.name for path in whole.iterdir() if path.is_dir()) == names
    for name in names:
        assert (whole / name / "split.csv").read_bytes() == (group / "fold-0" / "split.csv").read_bytes()
    assert_same_run(whole / "fold-2-seed-7", group / "fold-2")
    weights = [checkpoint.load(whole / name / "checkpoints", "best")["model"] for name in names[:2]]
    assert any(not torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    found = table(whole / "out_of_fold.csv")
    assert {row["fold"] for row in found} == {"0", "2"}
    for fold in ("0", "2"):
        ages = np.array(
            [
                [float(row[f"age/{label}"]) for label in ("young", "middle", "old")]
                for row in found
                if row["fold"] == fold
            ]
        )
        own_ages = [
            probabilities(whole / f"fold-{fold}-seed-{seed}" / "valid_predictions.csv", "age")
            for seed in (7, 8)
        ]
        np.testing.assert_allclose(ages, np.mean(own_ages, axis=0), atol=5.01e-7)
        expected = np.mean(
            [scores_of(whole / f"fold-{fold}-seed-{seed}")["scores"]["accuracy"] for seed in (7, 8)]
        )
        assert scores_of(whole)["of_folds"][fold]["accuracy"] == pytest.approx(expected)
    assert podium(config, "--mode", "pseudo", *own) == 0
    labels = [(whole / f"fold-2-seed-{seed}" / "pseudo_labels.csv") for seed in (7, 8)]
    assert labels[0].read_bytes() == labels[1].read_bytes()  # the mean of both
    first = probabilities(group / "fold-2" / "pseudo_labels.csv", "age")
    assert np.abs(probabilities(labels[0], "age") - first).max() > 1e-4


def test_each_student_learns_from_labels_of_the_model_that_never_saw_who_validates(
    config, group, work, tmp_path
):
    split = table(group / "fold-0" / "split.csv")
    for fold in range(3):
        facts = json.loads((group / f"fold-{fold}" / "pseudo_labels.json").read_text())
        assert facts["held_out"] == [row["group"] for row in split if row["fold"] == str(fold)]
        assert (facts["run"], facts["valid_fold"], facts["seed"]) == (str(group / f"fold-{fold}"), fold, 7)
        rows, predicted = (
            table(group / f"fold-{fold}" / f"{name}.csv") for name in ("pseudo_labels", "test_predictions")
        )
        assert [row["age/old"] for row in rows] == [row["age/old"] for row in predicted]
    labels = f"pseudo.labels={group}/fold-{{fold}}/pseudo_labels.csv"
    own = ("--set", f"paths.runs={tmp_path}", "--set", labels)
    assert podium(config, *ALL, *own) == 0
    for fold in range(3):
        member = tmp_path / "test" / "001" / f"fold-{fold}"
        assert (
            f"14 of the 14 images of {group}/fold-{fold}/pseudo_labels.csv"
            in (member / "log.txt").read_text()
        )
        for other in range(3):
            text = [
                f"pseudo.labels={group}/fold-{other}/pseudo_labels.csv",
                f"dataset.valid_fold={fold}",
                "dataset.folds=3",
            ]
            student = Experiment.of(settings_from(read_sections(config, text), "config.ini"))
            if other == fold:
                student.training_data()
                continue
            with pytest.raises(ConfigError, match=f"held out valid_fold = {other}"):
                student.training_data()


def test_labels_that_leak_into_one_fold_are_refused_before_any_fold_is_trained(
    config, group, tmp_path, capsys
):
    own = ("--set", f"paths.runs={tmp_path}", "--set", f"pseudo.labels={group}/fold-0/pseudo_labels.csv")
    assert podium(config, *ALL, *own) == 2
    assert "held out valid_fold = 0" in capsys.readouterr().err
    assert not any(tmp_path.glob("test/*"))


def test_tensorboard_shows_every_member(group, work):
    found = EventMultiplexer().AddRunsFromDirectory(str(work / "runs"))
    members = {f"test/001/fold-{fold}/tensorboard" for fold in range(3)}
    assert set(found.Runs()) == members | {f"{member}/hparams" for member in members}


def test_images_are_prepared_once_for_all_members_and_modes(work):
    assert len(list(work.glob("cache/images-*/manifest.json"))) == 2  # for training, and to predict


def test_a_finished_member_leaves_no_model_behind(config, tmp_path, monkeypatch):
    alive = []
    train_run = cross_validation.train_run

    def counted(*arguments: object, **options: object) -> None:
        alive.append(sum(type(thing).__name__ == "TinyNet" for thing in gc.get_objects()))
        train_run(*arguments, **options)

    monkeypatch.setattr(cross_validation, "train_run", counted)
    gc.collect()
    gc.disable()
    before = sum(type(thing).__name__ == "TinyNet" for thing in gc.get_objects())
    try:
        assert podium(config, *ALL, "--set", f"paths.runs={tmp_path}") == 0
    finally:
        gc.enable()
    assert alive == [before] * 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--folds", "0,5"), "[run] folds: fold = 5 is not one of the folds: 0, 1, 2"),
        (("--folds", "1,1"), "[run] folds = 1, 1: a fold is there twice"),
        (("--folds", "some"), "[run] folds: 'some' is not 'all', nor a whole number"),
        (("--seeds", "2"), "[run] seeds = 2 repeats each of [run] folds"),
        (("--mode", "infer", "--folds", "all"), "--folds has no meaning with --mode infer"),
    ],
)
def test_folds_that_cannot_be_are_refused_before_anything_is_written(
    config, tmp_path, capsys, arguments, words
):
    runs = () if "infer" in arguments else ("--set", f"paths.runs={tmp_path}", *FOLDS)
    assert podium(config, *runs, *arguments) == 2
    assert words in capsys.readouterr().err
    assert not any(tmp_path.glob("test/*"))


def test_a_data_set_with_one_split_only_has_no_folds(config, tmp_path, capsys, monkeypatch):
    schema = cross_validation.DATASETS.schema
    without = lambda name: {key: value for key, value in schema(name).items() if key != "valid_fold"}  # noqa: E731
    monkeypatch.setattr(cross_validation.DATASETS, "schema", without)
    assert podium(config, "--folds", "all", "--set", f"paths.runs={tmp_path}") == 2
    assert "SplitByProfileDataset has one split only" in capsys.readouterr().err


def test_the_split_of_a_run_deals_the_same_folds_again_under_any_seed(config, group, tmp_path):
    given = ("--set", f"dataset.fold_table={group / 'fold-0' / 'split.csv'}", "--set", "run.seed=99")
    assert podium(config, *FOLDS, *given, "--folds", "2", "--set", f"paths.runs={tmp_path}") == 0
    ids = [[(row["id"], row["fold"]) for row in table(run / "valid_predictions.csv")]
           for run in (group / "fold-2", tmp_path / "test" / "001" / "fold-2")]  # fmt: skip
    assert ids[0] == ids[1]


DIVERGING = ("--set", "optimizer.name=SGD", "--set", "optimizer.lr=1e18")


def test_resuming_keeps_what_is_finished_and_refuses_another_config_or_data(
    config, work, group, tmp_path, capsys
):
    shutil.copytree(work / "data", tmp_path / "data")
    own = ("--set", f"paths.runs={tmp_path}", "--set", f"paths.data={tmp_path}/data")
    assert podium(config, *ALL, *own) == 0
    whole = tmp_path / "test" / "001"
    kept = {name: (whole / name).read_bytes() for name in ("out_of_fold.csv", "scores.json")}
    (whole / "scores.json").unlink()
    (whole / "fold-2" / "scores.json").unlink()
    first = (whole / "fold-0" / "log.txt").read_text()
    capsys.readouterr()
    assert podium(config, *FOLDS, "--seeds", "2", "--resume", *own) == 2
    assert "[run] seeds was '1' and is now '2'" in capsys.readouterr().err
    assert podium(config, *FOLDS, "--folds", "0,1", "--resume", *own) == 2
    assert "[run] folds was '0, 1, 2' and is now '0, 1'" in capsys.readouterr().err
    csv_file = tmp_path / "data" / "train" / "train.csv"
    text = csv_file.read_text()
    csv_file.write_text(text.replace(",male,", ",female,", 1))
    assert podium(config, *FOLDS, "--resume", *own) == 3
    assert f"no longer what {whole} began with" in capsys.readouterr().err
    csv_file.write_text(text)
    assert podium(config, *FOLDS, "--resume", *own) == 0
    assert {name: (whole / name).read_bytes() for name in kept} == kept
    assert (whole / "fold-0" / "log.txt").read_text() == first


def test_a_mistake_that_shows_when_the_first_member_is_built_leaves_no_folder(config, tmp_path):
    wrong = ("--set", "sampler.name=FewPerGroup", "--set", "sampler.space=maks")
    assert podium(config, *ALL, *wrong, "--set", f"paths.runs={tmp_path}") == 2
    assert not any(tmp_path.glob("test/*"))


def test_thresholds_are_tuned_on_all_images_out_of_fold(tmp_path):
    images, present = canvases(90, 0, slice(0, 600))
    names = write_images(tmp_path / "data" / "train", images)
    rows = [
        [name, " ".join(str(d) for d in found if d < 3)] for name, found in zip(names, present, strict=True)
    ]
    write_csv(tmp_path / "data" / "train.csv", ("image", "digits"), rows)
    write_csv(tmp_path / "data" / "test.csv", ("image", "labels"), [[names[0], ""], [names[1], ""]])
    text = CONFIG.format(data=tmp_path / "data", work=tmp_path).replace(
        "MaskTask", "MultiLabelTask\ndecide = tuned"
    )
    text = text.replace("SplitByProfileDataset", "CsvDataset\nextension = .png\nlabel_column = digits")
    text += "[test_dataset]\ntable = test.csv\nimages = train\nextension = .png\n"
    text += "[loss]\nname = BinaryCrossEntropy\n"
    (tmp_path / "config.ini").write_text(text)
    assert podium(tmp_path / "config.ini", *ALL) == 0
    whole = tmp_path / "runs" / "test" / "001"
    found = table(whole / "out_of_fold.csv")
    digits_of = {f"train/{name}.png": digits for name, digits in rows}
    true = np.array([[label in digits_of[row["id"]].split() for label in "012"] for row in found])
    expected = best_thresholds(
        true, probabilities(whole / "out_of_fold.csv", "labels").astype(np.float32), 0.5
    )
    np.testing.assert_allclose(scores_of(whole)["tuning"]["thresholds"], expected, atol=1e-6)
    assert podium(tmp_path / "config.ini", "--mode", "infer") == 0
    chosen = probabilities(whole / "test_predictions.csv", "labels") >= expected
    expected_labels = [" ".join(np.array(list("012"))[row]) for row in chosen]
    assert [row["labels"] for row in table(whole / "submission.csv")] == expected_labels


@pytest.mark.slow
def test_a_run_of_folds_that_is_killed_inside_a_member_ends_with_the_same_files(config, work, tmp_path):
    given = (*EVERY_STEP, *FOLDS, "--set", "train.epochs=2", "--set", f"paths.runs={tmp_path}")
    assert finish(process(config, *given, "--folds", "all")) == 0
    running = process(config, *given, "--folds", "all")
    whole, killed = tmp_path / "test" / "001", tmp_path / "test" / "002"
    while not list((killed / "fold-1" / "checkpoints").glob("last-*3.json")):
        assert running.poll() is None, running.communicate()
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert (killed / "fold-0" / "scores.json").exists()
    assert not (killed / "fold-1" / "scores.json").exists()
    finished = (killed / "fold-0" / "scores.json").stat().st_mtime_ns
    assert finish(process(config, *given, "--resume")) == 0
    assert (killed / "fold-0" / "scores.json").stat().st_mtime_ns == finished
    assert "Resumed" in (killed / "fold-1" / "log.txt").read_text()
    for name in ("out_of_fold.csv", "scores.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    for fold in range(3):
        assert_same_run(whole / f"fold-{fold}", killed / f"fold-{fold}")


@pytest.mark.slow
def test_ctrl_c_inside_a_member_says_how_to_go_on_with_the_whole(config, work, tmp_path):
    given = (
        *EVERY_STEP,
        "--set",
        "dataset.folds=3",
        "--set",
        f"paths.runs={tmp_path}",
        "--set",
        "train.epochs=5000",
    )
    running = process(config, *given, "--folds", "all")
    whole = tmp_path / "test" / "001"
    while not list(whole.glob("fold-0/checkpoints/last-*.json")):
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 4
    assert f"python run.py --resume --config {whole / 'config.ini'} --run {whole}\n" in errors
