"""Every kind of submission is held against validation and against the previous one."""

import logging

import pytest
import torch

from dataset.tasks.cells import Separator
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.hierarchy import HierarchyTask
from dataset.tasks.mask import MaskTask
from dataset.tasks.multi_label import MultiLabelTask
from tools.submissions.entry import Entry, now
from tools.submissions.guard import Reference, report
from tools.submissions.ledger import Ledger
from utils.durable import sha256_of
from utils.tables import write_table

LABELS = ("cat", "dog", "red fox", "owl")
PATHS = [("animal", "cat"), ("animal", "dog"), ("plant", "rose"), ("stone", "")]
PEOPLE, PHOTOS = 60, 5


def tasks(root):
    named = {"root": root, "labels_found": lambda: LABELS}
    rows = [(str(i), dict(zip(("kind", "name"), path, strict=True))) for i, path in enumerate(PATHS)]
    return {
        "mask": MaskTask(),
        "joint": MaskTask(joint=True),
        "label": ClassificationTask(**named),
        "probabilities": ClassificationTask(**named, submit="probabilities"),
        "any labels": MultiLabelTask(**named, separator=Separator("|")),
        "any, binary": MultiLabelTask(**named, submit="binary"),
        "any, probabilities": MultiLabelTask(**named, submit="probabilities"),
        "levels": HierarchyTask(root=root, rows_found=lambda: rows, levels=("kind", "name")),
    }


def answered(task, seed, *, shift=0.0):
    """Return rows for photos of people, which look alike; ``shift`` pulls to a first label, or to all."""
    generator = torch.Generator().manual_seed(seed)
    logits = {}
    for space in task.spaces:
        people = 2 * torch.randn(PEOPLE, len(space.labels), generator=generator)
        noise = 0.3 * torch.randn(PEOPLE * PHOTOS, len(space.labels), generator=generator)
        logits[space.name] = people.repeat_interleave(PHOTOS, dim=0) + noise
        logits[space.name][:, slice(1) if space.kind == "one_of" else slice(None)] += shift
    return [{"id": str(i)} | row for i, row in enumerate(task.submission(logits))]


@pytest.mark.parametrize("kind", tasks(None))
def test_a_shift_is_a_warning_and_none_is_none(kind, tmp_path, caplog):
    caplog.set_level("INFO", logger="podium")
    task = tasks(tmp_path)[kind]
    groups = tuple(str(person) for person in range(PEOPLE) for _ in range(PHOTOS))
    reference = Reference("what a run said", groups, task.submitted(answered(task, 0)), {})
    ledger = Ledger(tmp_path / "submissions.csv")
    first = answered(task, 1)
    report(first, task, reference, ledger, "0" * 64)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "No drift in how often each label is answered" in caplog.text
    assert "That can't show images of another kind (other scenes" in caplog.text
    path = tmp_path / "first.csv"
    write_table(path, tuple(first[0]), [list(row.values()) for row in first])
    ledger.add(Entry(when=now(), file="first.csv", sha256=sha256_of(path), rows=len(first)))
    caplog.clear()
    report(first, task, reference, ledger, "0" * 64)
    assert "0.0 % of the rows have another answer there" in caplog.text
    assert "Most shifted since then: nothing" in caplog.text
    caplog.clear()
    report(answered(task, 1, shift=5.0), task, reference, ledger, "0" * 64)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    for question in task.submitted(first):
        assert any(text.startswith(f"DRIFT in {question}: samples of 60") for text in warnings)
        assert any(text.startswith(f"DRIFT in {question} since the previous") for text in warnings)


def test_a_previous_one_in_another_form_or_of_other_images_is_passed_over(tmp_path, caplog):
    caplog.set_level("INFO", logger="podium")
    task = tasks(tmp_path)["label"]
    rows, ledger = answered(task, 0), Ledger(tmp_path / "submissions.csv")
    right = [list(row.values()) for row in rows]
    files = {"a.csv": (("id", "label"), right), "b.csv": (("id", *LABELS), [["0", 1, 0, 0, 0]])}
    files["c.csv"] = (("id", "label"), right[:-1])
    for number, (name, (columns, cells)) in enumerate(files.items()):
        write_table(tmp_path / name, columns, cells)
        sha256, when = sha256_of(tmp_path / name), f"2026-11-25T15:00:0{number}Z"
        ledger.add(Entry(when=when, file=name, sha256=sha256, rows=len(cells)))
    report(rows, task, None, ledger, "0" * 64)
    assert "(a.csv). 0.0 % of the rows" in caplog.text
    caplog.clear()
    (tmp_path / "a.csv").unlink()
    report(rows, task, None, ledger, "0" * 64)
    assert "No previous submission to hold it against" in caplog.text


@pytest.mark.parametrize(
    ("photos", "words", "called"),
    [
        (PHOTOS, ("person", "people"), "60 people"),
        (PHOTOS, ("group", "groups"), "60 groups"),
        (1, None, "60 images"),
    ],
)
def test_what_is_drawn_is_called_what_it_is(photos, words, called, tmp_path, caplog):
    caplog.set_level("INFO", logger="podium")
    task = tasks(tmp_path)["label"]
    groups = tuple(str(person) for person in range(PEOPLE) for _ in range(photos))
    rows = answered(task, 0)[: PEOPLE * photos]
    reference = Reference("what a run said", groups, task.submitted(rows), {}, words or ("person", "people"))
    report(rows, task, reference, Ledger(tmp_path / "submissions.csv"), "0" * 64)
    assert f"about {called} from there" in caplog.text
    others = {"people", "groups"} - {called.split()[1]}
    assert not [word for word in others if word in caplog.text]


def test_an_alarm_says_how_seldom_it_is_false_with_all_questions_together(tmp_path, caplog):
    task = tasks(tmp_path)["levels"]
    groups = tuple(str(person) for person in range(PEOPLE) for _ in range(PHOTOS))
    reference = Reference("what a run said", groups, task.submitted(answered(task, 0)), {})
    report(answered(task, 1, shift=5.0), task, reference, Ledger(tmp_path / "submissions.csv"), "0" * 64)
    assert (
        "apart in 1 of 200 cases" in caplog.text
    )  # of two questions, each in 1 of 200: together in 1 of 100


def test_one_person_is_not_people(tmp_path, caplog):
    caplog.set_level("INFO", logger="podium")
    task = tasks(tmp_path)["mask"]
    groups = tuple(str(person) for person in range(PEOPLE) for _ in range(PHOTOS))
    answers = task.submitted(answered(task, 0))
    reference = Reference("what a run said", groups, answers, {}, ("person", "people"))
    report(answered(task, 1)[:PHOTOS], task, reference, Ledger(tmp_path / "submissions.csv"), "0" * 64)
    assert "about 1 person from there" in caplog.text
    assert reference.counted(2) == "2 people"
