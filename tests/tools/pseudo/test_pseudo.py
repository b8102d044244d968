"""Labels of a finished run as more images to train on: what is written, what reaches the training, and whom
a teacher may not have seen."""

import csv
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset.pseudo.labels import PseudoSettings, confidences
from dataset.pseudo.thresholds import LeastConfidence
from dataset.tasks.spaces import AnyOf, OneOf
from experiment.assemble import Experiment, assemble_training
from experiment.eval_data import eval_data
from experiment.read_settings import read_sections, settings_from
from run import main
from tests.digits import digits, write_csv, write_images
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from train import checkpoint
from utils.durable import write_json
from utils.errors import ConfigError, DataError
from utils.read_json import read_json

CONFIG = SMALL_RUN.replace("[train]", "dropout = 0.2\n[train]")
SPACES = {"mask": 3, "gender": 2, "age": 3}
Rows = list[dict[str, str]]


def podium(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), *arguments])


def table(path: Path) -> Rows:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def write(path: Path, rows: Rows) -> None:
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a config, a finished run of it, and its predictions and pseudo labels."""
    work = tmp_path_factory.mktemp("taught")
    lay_out_people(work / "data")
    config = work / "config.ini"
    config.write_text(CONFIG.format(data=work / "data", work=work), encoding="utf-8")
    assert podium(config) == 0
    assert podium(config, "--mode", "infer") == 0
    assert podium(config, "--mode", "pseudo") == 0
    return work


@pytest.fixture
def teacher(taught: Path) -> Path:
    return taught / "runs" / "test" / "001"


@pytest.fixture
def labels(teacher: Path, tmp_path: Path) -> Path:
    """A copy of the pseudo labels, which a test may change."""
    for name in ("pseudo_labels.csv", "pseudo_labels.json"):
        shutil.copy(teacher / name, tmp_path / name)
    return tmp_path / "pseudo_labels.csv"


def experiment(taught: Path, *overrides: str) -> Experiment:
    return Experiment.of(settings_from(read_sections(taught / "config.ini", overrides), "config.ini"))


def student(taught: Path, labels: Path, *overrides: str) -> Experiment:
    return experiment(taught, f"pseudo.labels={labels}", *overrides)


def of_eval_images(values: torch.Tensor) -> torch.Tensor:
    assert len(values) == 20 * 7 + 2 * 7
    return values[20 * 7 :]


def written(rows: Rows, space: str) -> torch.Tensor:
    columns = [column for column in rows[0] if column.startswith(f"{space}/")]
    return torch.tensor([[float(row[column]) for column in columns] for row in rows])


def test_the_soft_labels_are_the_probabilities_that_inference_writes(taught, teacher):
    labelled, predicted = table(teacher / "pseudo_labels.csv"), table(teacher / "test_predictions.csv")
    assert len(labelled) == len(predicted) == 14
    for row, other in zip(labelled, predicted, strict=True):
        assert row["file"] == f"eval/images/{other['ImageID']}"
        assert row["group"] == ""
        columns = [column for column in other if "/" in column]
        assert len(columns) == 8
        assert [row[column] for column in columns] == [other[column] for column in columns]
        for space in SPACES:
            of_space = [float(row[column]) for column in columns if column.startswith(f"{space}/")]
            assert float(row[f"confidence/{space}"]) == max(of_space)


def test_beside_them_stands_which_run_made_them_and_whom_it_never_saw(teacher):
    facts = json.loads((teacher / "pseudo_labels.json").read_text())
    validated = {row["group"] for row in table(teacher / "valid_predictions.csv")}
    assert set(facts["held_out"]) == validated
    assert len(validated) == len(facts["held_out"]) == 4
    assert (facts["run"], facts["seed"], facts["valid_fold"]) == (str(teacher), 7, 0)
    assert facts["commit"] == json.loads((teacher / "environment.json").read_text())["commit"]


def test_it_says_how_many_images_got_each_label_and_what_to_write(taught, teacher, caplog):
    caplog.set_level("INFO", logger="podium")
    assert podium(taught / "config.ini", "--mode", "pseudo") == 0
    chosen = written(table(teacher / "test_predictions.csv"), "gender").argmax(dim=1)
    lines = [line.split() for line in caplog.text.splitlines()]
    for index, label in enumerate(("male", "female")):
        assert [f"gender/{label}", str(int((chosen == index).sum()))] in [line[:2] for line in lines]
    assert f"labels = {teacher / 'pseudo_labels.csv'}" in caplog.text


def test_a_folder_of_images_is_labelled_wherever_it_lies(taught, teacher, tmp_path):
    copied = tmp_path / "run"
    shutil.copytree(teacher, copied)
    images = sorted((taught / "data" / "eval" / "images").iterdir())[:3]
    for place, names in ((tmp_path / "elsewhere", None), (taught / "data" / "more", "more/")):
        place.mkdir()
        for image in images:
            shutil.copy(image, place)
        given = place if names is None else "more"
        arguments = ("--mode", "pseudo", "--run", str(copied), "--set", f"pseudo.images = {given}")
        assert podium(taught / "config.ini", *arguments) == 0
        rows = table(copied / "pseudo_labels.csv")
        assert [row["file"] for row in rows] == [
            f"{names}{image.name}" if names else str(place / image.name) for image in images
        ]
        known = {row["file"]: row for row in table(teacher / "pseudo_labels.csv")}
        for row, image in zip(rows, images, strict=True):
            assert row | {"file": ""} == known[f"eval/images/{image.name}"] | {"file": ""}
        named = f"pseudo.images={given}"
        dataset, source = student(taught, copied / "pseudo_labels.csv", named).training_data()
        assert len(source) == len(dataset.training.files) == 143
        shutil.rmtree(place)


def test_what_inference_refuses_is_refused_here_too(taught, tmp_path, capsys):
    config = taught / "config.ini"
    for arguments, words in (
        (("--resume",), "--mode pseudo"),
        (("--set", "model.width=8"), "belongs to training"),
        (("--run", "009"), "There is no run '009'"),
    ):
        assert podium(config, "--mode", "pseudo", *arguments) == 2
        assert words in capsys.readouterr().err
    assert podium(config, "--mode", "pseudo", "--set", f"pseudo.images={tmp_path}/none") == 3
    assert f"{tmp_path}/none" in capsys.readouterr().err


def test_a_weight_is_the_sum_of_a_soft_target(taught, labels):
    dataset, _ = student(taught, labels, "pseudo.weight=0.25").training_data()
    rows = table(labels)
    for space, count in SPACES.items():
        targets = of_eval_images(dataset.training.targets[space])
        assert targets.shape == (14, count)
        torch.testing.assert_close(targets, 0.25 * written(rows, space), atol=2e-6, rtol=0)
        torch.testing.assert_close(targets.sum(dim=1), torch.full((14,), 0.25))
    assert dataset.training.rows[-14:].tolist() == list(range(140, 154))


def test_soft_targets_that_were_rounded_have_their_whole_weight(taught, labels):
    rows = table(labels)
    rows[0]["gender/male"], rows[0]["gender/female"] = "0.3333", "0.666"
    write(labels, rows)
    dataset, _ = student(taught, labels).training_data()
    first = of_eval_images(dataset.training.targets["gender"])[0]
    torch.testing.assert_close(first, torch.tensor([0.3333, 0.666]) / 0.9993)


def test_hard_labels_are_the_likeliest_ones(taught, labels):
    dataset, _ = student(taught, labels, "pseudo.weight=0.5", "pseudo.hard=yes").training_data()
    for space, count in SPACES.items():
        likeliest = written(table(labels), space).argmax(dim=1)
        expected = 0.5 * torch.nn.functional.one_hot(likeliest, count).float()
        assert torch.equal(of_eval_images(dataset.training.targets[space]), expected)


def test_an_image_that_is_not_sure_enough_is_not_labelled_there_and_is_left_out_if_it_is_nowhere(
    taught, labels
):
    rows = table(labels)
    for number, row in enumerate(rows):
        for space in SPACES:
            row[f"confidence/{space}"] = "0.2"
        row["confidence/age"] = f"{0.5 + number / 100:.6f}"
    rows[3]["confidence/mask"] = "0.900000"
    write(labels, rows)
    made = student(taught, labels, "pseudo.min_confidence=mask:0.9, gender:1, age:0.6")
    dataset, _ = made.training_data()
    labelled = {
        space: of_eval_images(dataset.training.targets[space]).any(dim=1).nonzero().flatten().tolist()
        for space in SPACES
    }
    assert labelled == {"mask": [3], "gender": [], "age": [10, 11, 12, 13]}
    assert [row - 140 for row in dataset.training.rows if row >= 140] == [3, 10, 11, 12, 13]
    with pytest.raises(DataError, match=r"no image is as sure as .* 1\.0"):
        student(taught, labels, "pseudo.min_confidence=1").training_data()


def test_the_table_itself_and_what_validates_stay_as_they_are_bit_for_bit(taught, labels):
    plain, pixels = experiment(taught).training_data()
    made = student(taught, labels)
    dataset, more_pixels = made.training_data()
    assert len(dataset.training.rows) == len(plain.train_rows) + 14
    for name in ("files", "groups", "folds", "train_rows", "valid_rows"):
        assert np.array_equal(getattr(dataset, name), getattr(plain, name)), name
    for mine, other in ((dataset.targets, plain.targets), (dataset.train_targets, plain.train_targets)):
        assert all(torch.equal(mine[space], other[space]) for space in SPACES)
    for one, other in zip(
        made.validator(dataset, more_pixels).batches, made.validator(plain, pixels).batches, strict=True
    ):
        assert torch.equal(one.images, other.images)
        assert all(torch.equal(one.targets[space], other.targets[space]) for space in SPACES)


def test_an_epoch_has_the_labelled_images_and_these_with_their_own_pixels(taught, labels, tmp_path):
    made = student(taught, labels, "train.batch_size=7")
    dataset, source = made.training_data()
    batches = assemble_training(made, tmp_path, dataset, source, fresh=True).batches
    eval_images, evaluated = eval_data(made)
    pixels = torch.cat([batch.images for batch in evaluated])
    assert dataset.extra.files == eval_images.files
    drawn = list(batches.epoch(0))
    rows = np.concatenate([batch.rows for batch in drawn])
    assert sorted(rows) == [*dataset.train_rows, *range(140, 154)]
    for batch in drawn:
        for place in np.flatnonzero(batch.rows >= 140):
            assert torch.equal(batch.images[place], pixels[batch.rows[place] - 140])


def test_a_sampler_sees_their_groups(taught, labels, tmp_path):
    rows = table(labels)
    known = rows[0]["file"], rows[1]["file"]
    for row in rows[2:]:
        row["group"] = "somebody"
    write(labels, rows)
    made = student(taught, labels, "sampler.name=FewPerGroup", "train.batch_size=3")
    dataset, source = made.training_data()
    assert dataset.training.groups[140:] == (*known, *["somebody"] * 12)
    batches = assemble_training(made, tmp_path, dataset, source, fresh=True).batches
    assert len(batches.sampler) == 16 + 2 + 1  # people, two images of their own, somebody


def test_class_weights_count_what_is_trained_on_these_by_their_shares(taught, labels, tmp_path):
    made = student(taught, labels, "loss.class_weights=balanced")
    dataset, source = made.training_data()
    criterion = assemble_training(made, tmp_path, dataset, source, fresh=True).passes.criterion
    table_of = dataset.train_targets["gender"][dataset.train_rows].sum(dim=0)
    counts = table_of + of_eval_images(dataset.training.targets["gender"]).sum(dim=0)
    torch.testing.assert_close(criterion.class_weights_gender, counts.sum() / (2 * counts))


def test_a_run_whose_best_checkpoint_is_another_epochs_labels_nothing(taught, teacher, tmp_path, capsys):
    copied = tmp_path / "run"
    shutil.copytree(teacher, copied)
    (copied / "pseudo_labels.csv").unlink()
    write_json(copied / "scores.json", read_json(copied / "scores.json") | {"best_epoch": 9})
    assert podium(taught / "config.ini", "--mode", "pseudo", "--run", str(copied)) == 3
    assert "the weights of epoch 9, the best one, are damaged or gone" in capsys.readouterr().err
    assert not (copied / "pseudo_labels.csv").exists()


@pytest.mark.parametrize("change", ["dataset.valid_fold=1", "run.seed=8", "dataset.folds=4"])
def test_a_teacher_that_has_seen_who_validates_is_refused(taught, labels, teacher, change):
    with pytest.raises(ConfigError, match=r"held out valid_fold = 0 \(seed = 7\).*such as '0000") as refused:
        student(taught, labels, change).training_data()
    assert str(teacher) in str(refused.value)


def test_a_student_may_hold_out_fewer_people_than_its_teacher_but_no_other_one(taught, labels):
    facts = read_json(labels.with_suffix(".json"))
    write_json(labels.with_suffix(".json"), facts | {"held_out": [*facts["held_out"], "more"]})
    student(taught, labels).training_data()
    one, *rest = facts["held_out"]
    write_json(labels.with_suffix(".json"), facts | {"held_out": rest})
    with pytest.raises(ConfigError, match=rf"of the 4 .* 1 are not .* {one!r}"):
        student(taught, labels).training_data()


def test_every_bad_row_is_named_in_one_error(taught, labels):
    rows = table(labels)
    validated = table(taught / "runs" / "test" / "001" / "valid_predictions.csv")[0]
    rows[0]["file"] = "eval/images/gone.jpg"
    rows[1]["file"] = validated["id"]
    rows[2]["group"] = validated["group"]
    rows[3]["mask/wear"] = "many"
    rows[4]["confidence/age"] = "1.5"
    rows[5]["gender/male"], rows[5]["gender/female"] = "0.5", "0.25"
    rows[7]["file"] = rows[6]["file"]
    rows[8]["file"] = "eval/../eval/images/" + Path(rows[6]["file"]).name
    write(labels, rows)
    with pytest.raises(DataError) as refused:
        student(taught, labels).training_data()
    message = str(refused.value)
    assert "8 problem(s)" in message
    for line, words in (
        (2, "there is no image"),
        (3, "it validates"),
        (4, f"its group '{validated['group']}' validates"),
        (5, "mask/wear: 'many' is not a number"),
        (6, "confidence/age: 1.5 is not from 0 up to 1"),
        (7, "probabilities of gender add up to 0.75"),
        (9, "it stands in pseudo_labels.csv line 8 already"),
        (10, "it stands in pseudo_labels.csv line 8 already"),
    ):
        assert any(f"line {line}: " in part and words in part for part in message.splitlines()), words


@pytest.mark.parametrize("how", ["absolute", "above", "link"])
def test_a_file_that_leads_out_of_the_data_folder_is_refused_unless_its_folder_is_named(
    taught, labels, tmp_path, how
):
    rows = table(labels)
    inside = taught / "data" / rows[0]["file"]
    outside = tmp_path / "outside.jpg"
    shutil.copy(inside, outside)
    link = taught / "data" / "eval" / "images" / "link.jpg"
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    names = {
        "absolute": str(outside),
        "above": os.path.relpath(outside, taught / "data"),
        "link": "eval/images/link.jpg",
    }
    rows[0]["file"] = names[how]
    write(labels, rows)
    with pytest.raises(
        DataError, match=r"leads out of .*: name the folder that it may lie in with images in"
    ):
        student(taught, labels).training_data()
    student(taught, labels, f"pseudo.images={tmp_path}").training_data()
    link.unlink()


def _replace(path: Path, **values: object) -> None:
    write_json(path, read_json(path) | values)


def test_labels_that_were_edited_or_damaged_are_warned_of(taught, labels, caplog):
    student(taught, labels).training_data()
    assert "pseudo_labels.csv" not in caplog.text
    labels.write_bytes(labels.read_bytes().replace(b"\n", b"\r\n"))  # as git may check it out
    student(taught, labels).training_data()
    assert "pseudo_labels.csv" not in caplog.text
    write(labels, table(labels)[1:])
    student(taught, labels).training_data()
    assert re.search(r"pseudo_labels\.csv is not what .*001 wrote: it was edited, or damaged", caplog.text)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda path: path.unlink(),
            r"\[pseudo\] labels: There is no file [^ ]*pseudo_labels\.csv\..* --mode pseudo --run RUN$",
        ),
        (lambda path: path.with_suffix(".json").unlink(), r"There is no file [^ ]*pseudo_labels\.json \("),
        (lambda path: path.with_suffix(".json").write_text("[]"), r"pseudo_labels\.json is damaged"),
        (
            lambda path: path.with_suffix(".json").write_text('{"held_out": [], "x": 1}'),
            "does not say run, commit",
        ),
        (lambda path: path.with_suffix(".json").write_text("{"), r"pseudo_labels\.json is damaged"),
        (lambda path: _replace(path.with_suffix(".json"), held_out=7), r"held_out = 7 is not a list"),
        (
            lambda path: _replace(path.with_suffix(".json"), valid_fold="0"),
            r'valid_fold = "0" is not a whole',
        ),
        (lambda path: path.write_text("file,group\na,b\n"), "no column 'confidence/mask'"),
    ],
)
def test_a_file_that_is_missing_or_damaged_says_which_one_and_what_to_do(taught, labels, damage, words):
    damage(labels)
    if not labels.exists():
        labels.with_suffix(".json").unlink()
    with pytest.raises(DataError, match=words):
        student(taught, labels).training_data()


def test_who_asks_for_a_fold_that_nobody_has_labelled_for_reads_the_command_that_does(taught, tmp_path):
    (tmp_path / "config.ini").touch()  # of a run
    with pytest.raises(DataError, match=rf"There is no file .* --mode pseudo --run {tmp_path}$"):
        student(taught, tmp_path / "pseudo_labels.csv").training_data()


def test_a_threshold_of_a_space_that_there_is_not_is_refused_with_the_nearest_name(taught, labels):
    made = student(taught, labels, "pseudo.min_confidence=aeg:0.6")
    with pytest.raises(ConfigError, match=r"\[pseudo\] min_confidence: .*'aeg'.* Did you mean 'age'"):
        made.check()
    for text in ("1.5", "age", "age:2", "age:0.5, age:0.6", ":1"):
        with pytest.raises(ConfigError, match=r"\[pseudo\] min_confidence"):
            student(taught, labels, f"pseudo.min_confidence={text}")


@given(
    st.one_of(
        st.floats(0, 1).map(LeastConfidence),
        st.dictionaries(st.sampled_from("abc"), st.floats(0, 1), min_size=1).map(
            lambda found: LeastConfidence(of_space=tuple(found.items()))
        ),
    )
)
def test_thresholds_are_read_as_they_are_written(thresholds):
    assert LeastConfidence.from_text(str(thresholds)) == thresholds


def test_how_sure_a_model_is():
    spaces = [OneOf("one", ("a", "b", "c")), AnyOf("any", ("d", "e"))]
    probabilities = {
        "one": torch.tensor([[0.2, 0.7, 0.1], [0.4, 0.3, 0.3]]),
        "any": torch.tensor([[0.9, 0.2], [0.5, 0.5]]),
    }
    found = confidences(spaces, probabilities)
    torch.testing.assert_close(found["one"], torch.tensor([0.7, 0.4]))
    torch.testing.assert_close(found["any"], torch.tensor([(0.9 + 0.8) / 2, 0.5]))


def test_a_weight_has_no_place_where_any_label_may_be_present(tmp_path):
    spaces = [AnyOf("labels", ("a", "b"))]
    PseudoSettings(labels=tmp_path / "p.csv").check(spaces)
    PseudoSettings(weight=0.5).check(spaces)  # nothing to weigh
    with pytest.raises(ConfigError, match=r"weight = 0\.5: .*'labels'.* weight = 1"):
        PseudoSettings(labels=tmp_path / "p.csv", weight=0.5).check(spaces)


def test_resuming_with_changed_labels_or_settings_is_refused(taught, labels, capsys):
    config = taught / "config.ini"
    diverging = ("--set", "optimizer.name=SGD", "--set", "optimizer.lr=1e18", "--set", "run.name=resumed")
    given = ("--set", f"pseudo.labels={labels}", *diverging)
    assert podium(config, *given) == 4
    assert podium(config, *given, "--resume") == 4  # it goes on, and diverges again
    assert podium(config, *given, "--resume", "--set", "pseudo.weight=0.5") == 2
    assert "[pseudo] weight was '1.0' and is now '0.5'" in capsys.readouterr().err
    rows = table(labels)
    rows[0]["gender/male"], rows[0]["gender/female"] = "0.625000", "0.375000"
    write(labels, rows)
    assert podium(config, *given, "--resume") == 3
    assert "no longer what" in capsys.readouterr().err


def test_without_such_images_the_digest_of_the_data_is_what_it_always_was(taught, labels, teacher):
    plain = experiment(taught).training_data()[0]
    sizes = [(plain.root / file).stat().st_size for file in plain.files]
    digest = hashlib.sha256(repr(list(zip(plain.files, sizes, strict=True))).encode())
    for values in (*plain.targets.values(), *plain.train_targets.values()):
        digest.update(values.numpy().tobytes())
    digest.update(plain.train_rows.tobytes() + plain.valid_rows.tobytes())
    assert (
        plain.fingerprint()
        == digest.hexdigest()
        == json.loads((teacher / "environment.json").read_text())["data"]
    )
    found = {plain.fingerprint()}
    rows = table(labels)
    found.add(student(taught, labels).training_data()[0].fingerprint())
    grouped = rows[0] | {"group": "somebody"}
    for first in (grouped, grouped | {"file": str(taught / "data" / rows[0]["file"])}):
        write(labels, [first, *rows[1:]])
        found.add(student(taught, labels).training_data()[0].fingerprint())
    dataset = student(taught, labels).training_data()[0]
    dataset.without(np.array([150]))
    assert len({*found, dataset.fingerprint()}) == 5


def test_an_unlabelled_image_that_cannot_be_read_is_refused_or_left_out_as_any_other(
    taught, labels, tmp_path
):
    rows, bad, named = table(labels), tmp_path / "bad.jpg", f"pseudo.images={tmp_path}"
    bad.write_bytes(b"no image")
    rows[4]["file"] = str(bad)
    write(labels, rows)
    with pytest.raises(DataError, match=r"1 image\(s\) can't be read[^$]*bad\.jpg"):
        student(taught, labels, named).training_data()
    dataset, _ = student(taught, labels, named, "images.on_bad_image=skip").training_data()
    assert [row - 140 for row in dataset.training.rows if row >= 140] == [0, 1, 2, 3, *range(5, 14)]
    assert len(dataset.train_rows) == 16 * 7


@pytest.mark.slow
def test_a_student_learns_from_its_teachers_labels_and_predicts(taught, teacher, tmp_path):
    config, work = taught / "config.ini", tmp_path
    given = (
        "--set", f"pseudo.labels={teacher / 'pseudo_labels.csv'}", "--set", "pseudo.weight=0.5",
        "--set", f"paths.runs={work}", "--set", "train.epochs=2",
    )  # fmt: skip
    assert podium(config, *given) == 0
    run = work / "test" / "001"
    assert f"14 of the 14 images of {teacher / 'pseudo_labels.csv'}" in (run / "log.txt").read_text()
    for name in ("class_table.csv", "split.csv"):
        assert (run / name).read_bytes() == (teacher / name).read_bytes()
    validated = [[row["id"] for row in table(of / "valid_predictions.csv")] for of in (run, teacher)]
    assert validated[0] == validated[1]
    assert podium(config, *given[:-2], "--set", "pseudo.labels=none", "--set", "train.epochs=2") == 0
    without = work / "test" / "002"
    weights = [checkpoint.load(of / "checkpoints", "last")["model"] for of in (run, without)]
    assert any(not torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    (taught / "data" / "train").rename(taught / "data" / "gone")  # inference needs no labels of any kind
    try:
        assert podium(config, "--mode", "infer", "--set", f"paths.runs={work}", "--run", "001") == 0
        assert podium(config, "--mode", "pseudo", "--set", f"paths.runs={work}", "--run", "001") == 0
    finally:
        (taught / "data" / "gone").rename(taught / "data" / "train")
    assert len(table(run / "submission.csv")) == len(table(run / "pseudo_labels.csv")) == 14


@pytest.mark.slow
def test_a_task_of_any_labels_takes_them_as_well(tmp_path):
    images, found = digits()
    names = write_images(tmp_path / "data" / "train", images[:120])
    rows = [[name, str(digit % 3)] for name, digit in zip(names, found, strict=False)]
    write_csv(tmp_path / "data" / "train.csv", ("image", "digits"), rows)
    write_images(tmp_path / "data" / "more", images[200:210])
    config = tmp_path / "config.ini"
    text = CONFIG.format(data=tmp_path / "data", work=tmp_path)
    text = text.replace("name = MaskTask", "name = MultiLabelTask")
    text = text.replace("SplitByProfileDataset", "CsvDataset\nextension = .png\nlabel_column = digits")
    config.write_text(text + "[loss]\nname = BinaryCrossEntropy\n[pseudo]\nimages = more\n")
    assert podium(config) == 0
    assert podium(config, "--mode", "pseudo") == 0
    labels = tmp_path / "runs" / "test" / "001" / "pseudo_labels.csv"
    rows = table(labels)
    probabilities = written(rows, "labels")
    sure = torch.tensor([float(row["confidence/labels"]) for row in rows])
    torch.testing.assert_close(sure, probabilities.maximum(1 - probabilities).mean(dim=1), atol=2e-6, rtol=0)
    least = sure.sort().values[4].item()
    made = Experiment.of(
        settings_from(
            read_sections(config, [f"pseudo.labels={labels}", f"pseudo.min_confidence={least}"]), "config.ini"
        )
    )
    dataset, _ = made.training_data()
    kept = [row - 120 for row in dataset.training.rows if row >= 120]
    assert kept == (sure >= least).nonzero().flatten().tolist()
    targets = dataset.training.targets["labels"][120:][kept]
    torch.testing.assert_close(targets, probabilities[kept], atol=1e-6, rtol=0)
    given = ("--set", f"pseudo.labels={labels}", "--set", "pseudo.hard=yes")
    assert podium(config, *given, "--set", "pseudo.weight=0.5") == 2
    assert podium(config, *given) == 0
