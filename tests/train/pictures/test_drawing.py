"""Pictures of a run: what stands in them, and how much of its time they take."""

import itertools
import logging
import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, precision_recall_fscore_support
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import train.pictures.drawing
import train.pictures.sheets
from dataset.tasks.confusion import Confusion
from dataset.tasks.hierarchy import HierarchyTask
from dataset.tasks.mask import MaskTask
from dataset.tasks.multi_label import MultiLabelTask
from inference.predict import Predictions
from tests.train.callbacks.test_callbacks import tensorboard, trainer
from tests.train.rig import Drawn
from train.callbacks.early_stopping import EarlyStopping
from train.callbacks.tensorboard import TensorBoard
from train.monitor import Monitor
from train.pictures.budget import SHARE, DrawingBudget
from train.pictures.drawing import width_of, wrapped
from train.pictures.epoch import epoch_pictures


class Clock:
    """A clock that only moves when somebody works."""

    def __init__(self):
        self.now = 5.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        self.now += seconds


@pytest.mark.parametrize(("epoch", "draw"), list(itertools.product([0.2, 1.0, 7.0, 60.0], [0.05, 0.8, 3.0])))
def test_drawing_takes_at_most_a_tenth_of_the_time_and_as_much_as_that_where_it_can(epoch, draw):
    clock, epochs, drawn, spent = Clock(), 200, 0, 0.0
    budget = DrawingBudget(clock)
    for number in range(1, epochs + 1):
        clock.work(epoch)
        if number == epochs or budget.allows():
            with budget.spending(pictures=True):
                clock.work(draw)
            drawn, spent = drawn + 1, spent + draw
            if number > 20 * draw / epoch:  # from where on even the first one is no longer too much
                assert spent <= SHARE * (clock() - 5.0) + draw * (number == epochs and drawn == 1)
    assert drawn == epochs or drawn >= 0.8 * min(epochs, SHARE * epochs * epoch / draw) - 2


def pictured(folder: Path) -> list[int]:
    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0}).Reload()
    return [picture.step for picture in found.Images("confusion/class")]


def bytes_of(folder: Path) -> dict[int, bytes]:
    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0}).Reload()
    return {picture.step: picture.encoded_image_string for picture in found.Images("confusion/class")}


def test_a_short_run_has_the_pictures_of_its_last_epoch_and_says_what_was_left_out(tmp_path, caplog):
    caplog.set_level(logging.INFO, "podium")
    state = trainer(tensorboard(tmp_path, epochs=4), epochs=4).fit()
    assert pictured(tmp_path)[-1] == state.step
    lines = [r.getMessage() for r in caplog.records if "left out" in r.getMessage()]
    skipped = 4 - len(pictured(tmp_path))
    called = "epochs" if skipped > 1 else "epoch"
    assert lines == [
        f"TensorBoard: the pictures of {skipped} {called} were left out, since drawing is "
        "to take at most 10 % of the time."
    ]


def test_a_run_that_stops_early_has_the_pictures_of_its_last_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(DrawingBudget, "allows", lambda _: False)
    stop = EarlyStopping(monitor=Monitor("macro_f1"), patience=1)
    state = trainer(tensorboard(tmp_path, epochs=50), stop, epochs=50, lr=0.0).fit()
    assert state.epoch < 50
    assert pictured(tmp_path) == [state.step]


def test_beside_the_steps_the_same_pictures_are_drawn_and_late_ones_left_out(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "podium")
    monkeypatch.setattr(DrawingBudget, "allows", lambda _: True)
    trainer(tensorboard(tmp_path / "at once", epochs=5), epochs=5).fit()
    monkeypatch.setattr("train.callbacks.tensorboard.pays", lambda _: True)
    draw, drawn_by = epoch_pictures, []

    def slow(*arguments):
        drawn_by.append(threading.current_thread())
        time.sleep(0.2)  # several epochs
        yield from draw(*arguments)

    monkeypatch.setattr("train.callbacks.tensorboard.epoch_pictures", slow)
    state = trainer(tensorboard(tmp_path / "beside", epochs=5), epochs=5).fit()

    assert threading.main_thread() not in drawn_by
    steps = pictured(tmp_path / "beside")
    assert len(steps) < 5
    assert steps[-1] == state.step
    assert f"the pictures of {5 - len(steps)} epoch" in caplog.text
    last = [bytes_of(tmp_path / name)[state.step] for name in ("at once", "beside")]
    assert last[0] == last[1]


def test_a_picture_that_can_not_be_drawn_beside_the_steps_is_no_secret(tmp_path, monkeypatch):
    monkeypatch.setattr("train.callbacks.tensorboard.pays", lambda _: True)

    def broken(*_):
        raise LookupError("a bug")

    monkeypatch.setattr("train.callbacks.tensorboard.epoch_pictures", broken)
    with pytest.raises(LookupError, match="a bug"):
        trainer(tensorboard(tmp_path, epochs=1), epochs=1).fit()


def test_drawing_touches_no_random_state_and_no_weight(tmp_path, monkeypatch):
    monkeypatch.setattr(DrawingBudget, "allows", lambda _: True)
    run = trainer(epochs=1)
    state = run.fit()
    board = tensorboard(tmp_path, epochs=1)
    random.seed(3), np.random.seed(3), torch.manual_seed(3)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    weights = {name: value.clone() for name, value in state.model.state_dict().items()}
    board.on_fit_start(state)
    board.on_epoch_kept(state)
    board.on_fit_end(state)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert before == after
    assert all(torch.equal(value, weights[name]) for name, value in state.model.state_dict().items())


def test_more_than_twenty_labels_get_no_curve_each_and_the_log_says_where_they_are(tmp_path, caplog):
    caplog.set_level(logging.INFO, "podium")
    labels = tuple(f"whale_{i}" for i in range(21))
    task = MultiLabelTask(root=tmp_path, labels_found=lambda: labels)
    board = TensorBoard(
        folder=tmp_path, task=task, validator=None, batches=None, augmenter=None, config_text="",
        config_values={}, monitor=Monitor("mAP"), epochs=1,
    )  # fmt: skip
    state = trainer(epochs=1).state
    state.step, state.history = 1, [{"epoch": 1, "seconds": 1.0, "mAP": 0.5, "labels/f1/whale_3": 0.25}]
    board.on_fit_start(state)
    board.on_epoch_kept(state)
    board.on_fit_end(state)
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert found.Tags()["scalars"] == ["epoch/mAP"]
    assert "no F1 of each label of labels" in caplog.text
    assert "metrics.jsonl" in caplog.text


@pytest.fixture
def texts(monkeypatch):
    """All texts that are drawn, in their order."""
    found = []
    for name in ("text", "upright"):
        draw = getattr(train.pictures.drawing.Page, name)

        def noted(page, place, text, *rest, _draw=draw, **more):
            found.append(text)
            _draw(page, place, text, *rest, **more)

        monkeypatch.setattr(train.pictures.drawing.Page, name, noted)
    return found


class Images:
    """A validator of which only the images are looked at."""

    def __init__(self, count):
        self.batches = type("Batches", (), {"source": Drawn(count)})


def drawn(task, logits, targets, worst=4):
    found = Predictions(np.arange(len(next(iter(targets.values())))), logits, targets)
    return dict(epoch_pictures(task, found, Images(len(found.rows)), worst))


def tags(folder, size, **options):
    generator = np.random.default_rng(5)
    labels = tuple(f"tag{i}" for i in range(size))
    task = MultiLabelTask(root=folder, labels_found=lambda: labels, **options)
    true = generator.random((60, size)) < 0.3
    true[:, -1] = False
    logits = true + generator.normal(-0.4, 0.8, true.shape)
    return task, true, {"labels": torch.from_numpy(logits)}, {"labels": torch.from_numpy(true).float()}


@pytest.mark.parametrize("threshold", [0.5, 0.62])
def test_the_picture_for_tags_has_support_ap_and_sklearns_precision_and_recall_at_the_threshold(
    tmp_path, texts, threshold
):
    task, true, logits, targets = tags(tmp_path, 5, threshold=threshold)
    pictures = drawn(task, logits, targets, worst=0)
    assert list(pictures) == [
        "scores of labels"
    ]  # and no matrix, in which right answers would look like errors
    sure = logits["labels"].float().sigmoid().numpy()
    precision, recall, _, support = precision_recall_fscore_support(
        true, sure >= threshold, zero_division=np.nan
    )
    shown = iter(texts)
    expected = {
        "support": [str(n) for n in support],
        "AP": [f"{average_precision_score(t, s):.3f}" for t, s in zip(true.T[:4], sure.T[:4], strict=True)]
        + ["-"],
        "precision": [f"{p:.3f}" if not np.isnan(p) else "-" for p in precision],
        "recall": [f"{r:.3f}" if not np.isnan(r) else "-" for r in recall],
        "threshold": [f"{threshold:.3f}"] * 5,
    }
    for column, cells in expected.items():
        assert column in shown  # goes on to it
        assert list(itertools.islice(shown, 5)) == cells


def test_tags_chosen_by_their_number_have_no_threshold_and_the_title_says_so(tmp_path, texts):
    task, _, logits, targets = tags(tmp_path, 3, decide="count", count=2)
    drawn(task, logits, targets, worst=0)
    assert "chosen: the likeliest 2" in texts[0]
    assert texts[-3:] == ["-"] * 3


def test_a_picture_of_many_tags_says_which_it_shows(tmp_path, texts):
    task, true, logits, targets = tags(tmp_path, 90)
    drawn(task, logits, targets, worst=0)
    assert "the 40 of 90 labels with the lowest AP" in texts[0]
    sure = logits["labels"].float().sigmoid().numpy()
    precision = [average_precision_score(t, s) for t, s in zip(true.T[:-1], sure.T[:-1], strict=True)]
    lowest = {f"tag{i}" for i in np.argsort(precision)[:40]}
    assert {text for text in texts if text.startswith("tag")} == lowest


def test_a_matrix_of_many_classes_says_which_it_shows(tmp_path, texts):
    counts = np.diag(np.full(70, 5))
    counts[3, 69] = 4
    whole = Confusion(tuple(f"c{i}" for i in range(70)), counts, counts.sum(axis=1))
    list(train.pictures.epoch._matrices({"label": whole}))
    title = " ".join(texts[: next(i for i, text in enumerate(texts) if text == "c0")])
    assert title.startswith("label: 40 of 70 labels, those most often taken for others")
    assert {"c3", "c69"} <= set(texts)


def test_mistakes_of_tags_say_only_what_is_wrong(tmp_path):
    task = MultiLabelTask(root=tmp_path, labels_found=lambda: ("cat", "dog", "fox", "owl"))
    has = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]]).float()
    said = {"labels": torch.tensor([[1, 0, 1, 1], [1, 1, 0, 0]]).bool()}
    assert task.faults(said, {"labels": has}) == ["missed: dog\nwrongly: fox, owl", "missed: fox"]


def test_mistakes_of_levels_say_only_the_levels_that_are_wrong(tmp_path):
    facts = [
        {"kind": k, "animal": a} for k, a in (("pet", "cat"), ("pet", "dog"), ("wild", "fox"), ("stone", ""))
    ]
    task = HierarchyTask(
        root=tmp_path,
        rows_found=lambda: [(str(i), of) for i, of in enumerate(facts)],
        levels=("kind", "animal"),
    )
    true = task.targets([task.encode(facts[i]) for i in (0, 0, 3)])
    said = task.targets([task.encode(facts[i]) for i in (1, 3, 2)])
    assert task.faults(said, true) == [
        "animal: cat, predicted dog",
        "kind: pet, predicted stone\nanimal: cat, predicted nothing",
        "kind: stone, predicted wild",
    ]


def test_mistakes_of_classes_say_both_whole(tmp_path):
    task = MaskTask()
    true, said = (task.targets([{"mask": (0,), "gender": (1,), "age": (age,)}]) for age in (1, 2))
    assert task.faults(said, true) == ["wear female middle\npredicted wear female old"]


@pytest.mark.parametrize(
    "text",
    [
        "predicted a_label_without_any_blank_that_is_wider_than_its_picture",
        "missed: " + ", ".join(f"label {i}" for i in range(30)),
        "한국어 라벨이 아주 길어서 한 줄에 들어가지 않는 경우",
        "", "a", "two\nlines",
    ],
)  # fmt: skip
def test_captions_are_wrapped_to_the_width_of_their_image(text):
    lines = wrapped(text, 142, 11, 8)
    assert 1 <= len(lines) <= 8
    assert all(width_of(line, 11) <= 142 for line in lines)
    if not lines[-1].endswith("…"):
        assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")


def test_a_sheet_shows_each_image_below_its_caption():
    images = np.stack([np.full((8, 6, 3), value, np.uint8) for value in range(10, 110, 10)])
    sheet = train.pictures.sheets.image_sheet(
        images, [f"caption {i}\nof two lines" for i in range(10)], "title"
    )
    assert sheet.dtype == np.uint8
    for value in range(10, 110, 10):
        rows, _ = np.nonzero((sheet == value).all(axis=2))
        assert len(rows) >= 142 * 189  # 142 pixels across
        assert np.quantile(rows, 0.01) > 3 * 14  # below the title and two lines
