"""A run's report and its sheet of suspected labels, from predictions that are made up."""

import csv
import json
import re

import cv2
import numpy as np
import pytest
from sklearn.metrics import jaccard_score, precision_recall_fscore_support

from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.tasks.mask import MaskTask
from run import main
from tests.digits import write_csv, write_images
from tests.experiment.finished import finished_run
from tests.experiment.smallest import SMALLEST
from tools.review.confident import prune_by_noise_rate
from tools.review.suspects import Judged, suspected, wrong_shares

EVIL = "<img src=x onerror=document.title='owned'>"
PEOPLE = [
    ("000001", "male", 20),
    (EVIL, "female", 45),
    ("김철수", "female", 60),
    ('=cmd|\' ,"x"', "male", 19),
    ("000005", "male", 33),
    ("000006", "female", 30),
]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Intervals are tested where they are made."""
    monkeypatch.setattr("tools.review.report.DRAWS", 20)


def people(mask_folder):
    folder = mask_folder(PEOPLE)
    return folder, [row["path"] for row in folder.rows]


def config_of(tmp_path, data):
    text = SMALLEST.replace("somewhere", str(data)) + "[review]\nmost = 9\n[infer]\nbatch_size = 4\n"
    text = text.replace("[paths]", f"[paths]\nruns = {tmp_path / 'runs'}\ncache = {tmp_path / 'cache'}")
    text = text.replace("[dataset]", "[dataset]\nfolds = 2")
    path = tmp_path / "config.ini"
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(dataset, profile):
    return [row for row, group in enumerate(dataset.groups) if group == profile]


def wrong_labels(evil=1, korean=2, swapped=3):
    """Say that two people's gender is wrong, one's photos are swapped, and one is older than it stands."""

    def said(task, dataset, right):
        names = [f"{id_}_{gender}_Asian_{age}" for id_, gender, age in PEOPLE]
        right["gender"][rows_of(dataset, names[evil])] = 0.97, 0.03
        right["gender"][rows_of(dataset, names[korean])] = 0.92, 0.08
        for row in rows_of(dataset, names[swapped]):
            photo = dataset.facts_of(row)["photo"]
            if photo in ("incorrect_mask", "normal"):
                right["mask"][row] = (0.02, 0.08, 0.9) if photo == "incorrect_mask" else (0.02, 0.9, 0.08)
        right["age"][rows_of(dataset, names[0])] = 0.02, 0.06, 0.92
        return right

    return said


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="sheet">(.*?)</script>', text)[1])


def table(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(keepends=True)))


@pytest.fixture
def work(mask_folder, tmp_path):
    folder, names = people(mask_folder)
    config = config_of(tmp_path, folder.root)
    run = finished_run(config, "001", wrong_labels())
    return config, run, names, folder


def review(config, *arguments):
    return main(["--config", str(config), "--mode", "review", *arguments])


def test_suspects_are_ranked_with_what_would_correct_them(work):
    config, run, names, _ = work
    assert review(config) == 0
    sheet = data_of(run / "review" / "review.html")
    items = {(item["question"], item["group"]): item for item in sheet["items"]}
    assert list(items) == [
        ("gender", names[1]), ("age", names[0]), ("gender", names[2]), ("mask", names[3]),
    ]  # fmt: skip
    evil = items["gender", names[1]]
    assert (evil["given"], evil["suggested"]) == ("female", "male")
    assert evil["options"] == [{"name": "male", "cells": [[names[1], "gender", "female", "male", None]]}]
    assert dict(evil["probabilities"]) == pytest.approx({"male": 0.97, "female": 0.03})
    assert len(evil["images"]) == 7
    age = items["age", names[0]]
    assert [option["name"] for option in age["options"]] == ["old", "middle"]
    assert age["options"][0]["cells"] == [[names[0], "age", "20", "60", None]]
    assert age["number"] == [0, 120]


def test_photos_with_each_others_label_are_one_suspect(work):
    config, run, names, _ = work
    assert review(config) == 0
    sheet = data_of(run / "review" / "review.html")
    (swapped,) = [item for item in sheet["items"] if item["question"] == "mask"]
    both = [
        [names[3], "incorrect_mask", "incorrect_mask", "normal", None],
        [names[3], "normal", "normal", "incorrect_mask", None],
    ]
    assert swapped["options"][0] == {"name": "swap both", "cells": both}
    assert [option["cells"] for option in swapped["options"][1:]] == [both[:1], both[1:]]
    doubted = {sheet["images"][place]["name"] for place in swapped["doubted"]}
    assert doubted == {"incorrect_mask", "normal"}
    suspects = [row for row in table(run / "review" / "suspects.csv") if row["question"] == "mask"]
    assert [(row["rank"], row["given"], row["suggested"]) for row in suspects] == [
        ("1", "incorrect", "normal"), ("1", "normal", "incorrect"),
    ]  # fmt: skip


def test_the_report_says_what_the_predictions_say(work, caplog):
    config, run, names, _ = work
    caplog.set_level("INFO", logger="podium")
    assert review(config) == 0
    parts = table(run / "review" / "parts.csv")
    found = {(row["by"], row["value"], row["question"], row["score"]): row for row in parts}
    middle = found["age", "middle", "gender", "accuracy"]
    assert (middle["groups"], middle["images"], float(middle["mean"])) == (
        "3",
        "21",
        pytest.approx(14 / 21, abs=1e-4),
    )
    assert float(middle["low"]) <= float(middle["mean"]) <= float(middle["high"])
    assert {row["by"] for row in parts} == {"mask", "gender", "age", "photo"}  # race is all one, path all own
    mistakes = table(run / "review" / "mistakes.csv")
    female = [row for row in mistakes if (row["question"], row["label"]) == ("gender", "female")]
    assert [(row["group"], row["answer"], row["probability"]) for row in female] == [
        (names[1], "male", "0.9700"), (names[2], "male", "0.9200"),
    ]  # fmt: skip
    bins = [row for row in table(run / "review" / "reliability.csv") if row["question"] == "gender"]
    assert sum(int(row["answers"]) for row in bins) == 42
    assert cv2.imread(str(run / "review" / "reliability.png")).shape[0] > 100
    assert "gender" in caplog.text
    assert "Suspected labels:" in caplog.text


def test_names_are_text_on_both_pages(work):
    config, run, _, _ = work
    assert review(config) == 0
    report = (run / "review" / "report.html").read_text(encoding="utf-8")
    assert EVIL not in report
    assert "&lt;img src=x onerror=" in report
    assert "김철수" in report
    assert "<script" not in report
    sheet = (run / "review" / "review.html").read_text(encoding="utf-8")
    assert "<img src=x" not in sheet
    for page in (report, sheet):
        assert "default-src 'none'" in page
        assert "unsafe" not in page
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    suspects = (run / "review" / "suspects.csv").read_text(encoding="utf-8")
    assert not re.search(r"(^|[,\n])\"?=", suspects)


def test_what_the_team_has_corrected_is_not_asked_again_and_is_kept(work, tmp_path):
    config, run, names, _ = work
    with (tmp_path / "relabel.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                ("profile", "field", "value", "reason"),
                (names[1], "gender", "male", "seen, twice"),
                ("'" + PEOPLE[3][0], "normal", "incorrect_mask", "by id, as a spreadsheet may open it"),
            ]
        )
    assert review(config, "--set", f"dataset.relabel={tmp_path / 'relabel.csv'}") == 0
    sheet = data_of(run / "review" / "review.html")
    assert ("gender", names[1]) not in {(item["question"], item["group"]) for item in sheet["items"]}
    assert [row[:3] for row in sheet["earlier"]] == [
        [names[1], "gender", "male"], [PEOPLE[3][0], "normal", "incorrect_mask"],
    ]  # fmt: skip
    assert {(item["question"], item["group"]) for item in sheet["items"]} == {
        ("age", names[0]), ("gender", names[2]),
    }  # fmt: skip


def test_the_mean_of_several_runs_can_be_asked_also_with_other_heads(work, tmp_path):
    config, run, names, folder = work

    def joint(task, dataset, right):
        found = right["class"]
        for row in [*rows_of(dataset, names[1]), *rows_of(dataset, names[5])]:
            right_class = found[row].argmax()
            found[row] = 0.01 / 17
            found[row, right_class - 3] = 0.99  # the other gender
        return {"class": found}

    other = config_of(tmp_path, folder.root)
    other.write_text(
        other.read_text(encoding="utf-8").replace("name = MaskTask", "name = MaskTask\njoint = yes")
    )
    finished_run(other, "002", joint)
    assert review(config, "--run", "001", "002") == 0
    items = data_of(run / "review" / "review.html")["items"]
    ((group, male),) = [
        (item["group"], dict(item["probabilities"])["male"]) for item in items if item["question"] == "gender"
    ]
    assert (group, male) == (names[1], pytest.approx((0.97 + 0.99 + 8 * 0.01 / 17) / 2, abs=1e-4))
    assert review(config, "--run", "002") == 0
    alone = data_of(config.parent / "runs" / "test" / "002" / "review" / "review.html")["items"]
    assert {(item["question"], item["group"], item["suggested"]) for item in alone} == {
        ("gender", name, "male") for name in (names[1], names[5])
    }


def test_runs_without_a_common_image_are_refused_before_a_page_is_written(work, capsys):
    config, run, _, _ = work
    other = finished_run(config, "002", wrong_labels())
    for folder, part in ((run, slice(None, 40)), (other, slice(40, None))):
        path = folder / "out_of_fold.csv"
        head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join([head, *rows[part]]), encoding="utf-8")
    assert review(config, "001", "002") == 2
    assert "No image was validated by all of these runs" in capsys.readouterr().err
    assert not (run / "review").exists()


def test_corrections_that_are_not_there_are_refused_before_a_page_is_written(work, capsys, tmp_path):
    config, run, _, _ = work
    assert review(config, "--set", f"dataset.relabel={tmp_path / 'gone.csv'}") == 3
    assert "There is no file" in capsys.readouterr().err
    assert not (run / "review").exists()


def test_any_number_of_labels_are_asked_for_one_by_one(tmp_path):
    tags = ["cat dog", "</script>", "", "cat", "dog </script>", "cat", "dog", "cat dog"] * 3
    names = write_images(tmp_path / "data" / "train", np.arange(24 * 16, dtype=np.uint8).reshape(24, 4, 4))
    write_csv(tmp_path / "data" / "train.csv", ("image", "tags"), list(zip(names, tags, strict=True)))
    config = config_of(tmp_path, tmp_path / "data")
    text = config.read_text().replace("name = MaskTask", "name = MultiLabelTask")
    config.write_text(
        text.replace(
            "name = SplitByProfileDataset", "name = CsvDataset\nlabel_column = tags\nextension = .png"
        )
    )

    def said(task, dataset, right):
        found = right["labels"]
        found[0] = np.where(found[0] > 0.5, 0.02, 0.98)
        return {"labels": found}

    run = finished_run(config, "001", said)
    assert review(config) == 0
    page = (run / "review" / "review.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    items = data_of(run / "review" / "review.html")["items"]
    assert {(item["group"], item["given"], item["suggested"]) for item in items} == {
        ("train/0000.png", "cat", "not cat"),
        ("train/0000.png", "dog", "not dog"),
        ("train/0000.png", "not </script>", "</script>"),
    }
    assert {tuple(map(tuple, item["options"][0]["cells"])) for item in items} == {
        (("0000", "tags", "cat dog", "dog", " "),),
        (("0000", "tags", "cat dog", "cat", " "),),
        (("0000", "tags", "cat dog", "cat dog </script>", " "),),
    }


def test_a_level_and_the_levels_that_it_decides_are_asked_once(tmp_path):
    paths = [("pet", "cat"), ("pet", "dog"), ("wild", "fox"), ("wild", "wolf")] * 5
    names = write_images(
        tmp_path / "data" / "train", np.arange(20 * 16, dtype=np.uint16).astype(np.uint8).reshape(20, 4, 4)
    )
    write_csv(
        tmp_path / "data" / "train.csv",
        ("image", "kind", "animal"),
        [(n, *p) for n, p in zip(names, paths, strict=True)],
    )
    config = config_of(tmp_path, tmp_path / "data")
    text = config.read_text().replace("name = MaskTask", "name = HierarchyTask\nlevels = kind, animal")
    config.write_text(text.replace("name = SplitByProfileDataset", "name = CsvDataset\nextension = .png"))

    def said(task, dataset, right):
        right["kind"][0] = 0.05, 0.95
        right["animal"][0] = np.array([0.02, 0.02, 0.94, 0.02])
        return right

    run = finished_run(config, "001", said)
    assert review(config) == 0
    (item,) = data_of(run / "review" / "review.html")["items"]
    assert (item["question"], item["given"], item["suggested"]) == ("animal", "cat", "fox")
    assert item["options"][0]["cells"] == [
        ["0000", "kind", "pet", "wild", None],
        ["0000", "animal", "cat", "fox", None],
    ]


def test_a_layout_without_a_relabel_file_says_so_and_names_the_files(tmp_path):
    for kind in ("cat", "dog"):
        write_images(tmp_path / "data" / "train" / kind, np.zeros((6, 4, 4), np.uint8))
    config = config_of(tmp_path, tmp_path / "data")
    text = config.read_text().replace("name = MaskTask", "name = ClassificationTask")
    config.write_text(text.replace("name = SplitByProfileDataset", "name = FolderDataset"))

    def said(task, dataset, right):
        right["label"][0] = 0.02, 0.98
        return right

    run = finished_run(config, "001", said)
    assert review(config) == 0
    sheet = data_of(run / "review" / "review.html")
    assert "FolderDataset reads no relabel file" in sheet["note"]
    (item,) = sheet["items"]
    assert item["options"] == [
        {"name": "dog", "cells": [["train/cat/0000.png", "label", "cat", "dog", None]]}
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume"], "has no meaning with --mode review"),
        (["--set", "train.epochs=2"], "belongs to training"),
        (["--set", "review.most=none"], "[review] most: 'none' is not a whole number"),
        (["--set", "review.mots=3"], "Did you mean 'most'?"),
        (["--run", "009"], "There is no run '009'"),
        (["003"], "There is no run '003'"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(work, capsys, arguments, words):
    assert review(work[0], *arguments) == 2
    message = capsys.readouterr().err
    assert words in message
    assert "Traceback" not in message


def test_a_label_of_a_question_is_scored_over_all_images_and_a_part_by_what_it_can_say(work, caplog):
    config, run, _, folder = work
    caplog.set_level("INFO", logger="podium")
    assert review(config) == 0
    dataset = SplitByProfileDataset(root=folder.root, task=MaskTask(), seed=42, folds=2)
    predicted = {row["id"]: row for row in table(run / "out_of_fold.csv")}
    genders = ("male", "female")
    said = [max(genders, key=lambda g: float(predicted[file][f"gender/{g}"])) for file in dataset.files]
    true = [dataset.facts_of(row)["gender"] for row in range(len(said))]
    expected = precision_recall_fscore_support(true, said, labels=["female"])
    (label,) = [
        row for row in table(run / "review" / "labels.csv")
        if (row["question"], row["label"]) == ("gender", "female")
    ]  # fmt: skip
    assert [float(label[name]) for name in ("precision", "recall", "F1")] == pytest.approx(
        [float(of[0]) for of in expected[:3]], abs=1e-4
    )
    parts = table(run / "review" / "parts.csv")
    assert not [row for row in parts if row["by"] == row["question"]]
    of_class = {(row["score"], row["by"]) for row in parts if row["question"] == "class"}
    assert of_class == {("accuracy", by) for by in ("mask", "gender", "age", "photo")}
    (old,) = [
        row for row in parts if (row["value"], row["question"], row["score"]) == ("old", "mask", "accuracy")
    ]
    assert (old["groups"], old["low"], old["high"]) == ("1", "", "")  # of one person there is no interval
    assert "A part that lacks labels" in caplog.text


def test_a_report_of_many_labels_is_shortened_and_names_its_file(tmp_path, caplog):
    caplog.set_level("INFO", logger="podium")
    names = write_images(tmp_path / "data" / "train", np.arange(100 * 16).astype(np.uint8).reshape(100, 4, 4))
    rows = [(name, f"whale_{i % 50}") for i, name in enumerate(names)]
    write_csv(tmp_path / "data" / "train.csv", ("image", "whale"), rows)
    config = config_of(tmp_path, tmp_path / "data")
    text = config.read_text().replace("name = MaskTask", "name = ClassificationTask")
    dataset = "name = CsvDataset\nlabel_column = whale\nextension = .png"
    config.write_text(text.replace("name = SplitByProfileDataset", dataset))
    run = finished_run(config, "001", lambda task, _, right: {"label": np.roll(right["label"], 1, axis=0)})
    assert review(config) == 0
    page = (run / "review" / "report.html").read_text(encoding="utf-8")
    for shown in (caplog.text, page):
        assert "30 labels more" in shown
        assert "labels.csv" in shown
    assert page.count("<h3>") == 20
    assert "Those of 30 labels with fewer are in mistakes.csv" in page
    assert len(table(run / "review" / "labels.csv")) == 50
    assert "groups" not in page  # each image is by itself
    items = data_of(run / "review" / "review.html")["items"]
    assert items
    assert max(len(item["options"]) for item in items) == 20


MISTAKES = "this is a list of its mistakes, not of wrong labels"


@pytest.mark.parametrize(("wrong", "often"), [(1, False), (2, True), (5, True)])
def test_suspects_of_a_model_that_is_often_wrong_are_called_its_mistakes(
    mask_folder, tmp_path, caplog, wrong, often
):
    folder, names = people(mask_folder)
    config = config_of(tmp_path, folder.root)

    def said(task, dataset, right):
        for name in names[:wrong]:  # of six people: a quarter lies between one and two
            right["gender"][rows_of(dataset, name)] = right["gender"][rows_of(dataset, name), ::-1]
        return right

    run = finished_run(config, "001", said)
    assert review(config) == 0
    assert (f"gender: the model is wrong about {wrong / 6:.0%} of what is judged" in caplog.text) == often
    assert (MISTAKES in caplog.text) == often
    assert (MISTAKES in data_of(run / "review" / "review.html")["note"]) == often


def test_how_often_a_model_is_wrong_about_tags_does_not_count_what_nobody_gave_or_said(tmp_path):
    given, chosen = np.array([[1, 1, 0, 0, 0, 0]]), np.array([[1, 0, 1, 0, 0, 0]])
    both = np.stack([1 - chosen, chosen], axis=-1)[0].astype(float)
    judged = Judged("tags", 0, ("not dog", "dog"), given[0], both, [np.array([i]) for i in range(6)])
    shares = wrong_shares([suspected(judged, list("abcdef"), prune_by_noise_rate)])
    assert shares == {"tags": pytest.approx(1 - jaccard_score(given[0], chosen[0]))}
