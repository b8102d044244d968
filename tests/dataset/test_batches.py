"""Batches depend on (seed, epoch, number) only, and evaluation sees each image once, in the middle."""

import threading
import time
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset.batches import EvalBatches, TrainBatches, centre_crop, fitting_batch_size
from dataset.reading import BatchRows, Reading, ahead
from dataset.samplers.base import SAMPLERS
from utils.errors import DataError
from utils.pace import Plan
from utils.registry import Component


class Numbered:
    """A source whose image of row i is filled with i."""

    def __init__(self, count, size=(6, 4)):
        self.bad = {}
        self.count, self.size = count, size

    def __len__(self):
        return self.count

    def batch(self, rows):
        values = torch.from_numpy(np.ascontiguousarray(rows)).to(torch.uint8)
        return values.view(-1, 1, 1, 1).expand(-1, 3, *self.size).clone()


def targets_of(count):
    return {"number": torch.arange(count).float().view(-1, 1)}


def sampler(rows, seed=0):
    return SAMPLERS.build(Component("EveryImage"), rows=np.asarray(rows), seed=seed)


def train_batches(rows, batch_size, seed=0, count=200):
    return TrainBatches(Numbered(count), targets_of(count), sampler(rows, seed), batch_size)


def rows_of(batches, epoch, start=0):
    return [batch.rows.tolist() for batch in batches.epoch(epoch, start)]


@given(st.sets(st.integers(0, 199), min_size=1, max_size=40), st.integers(1, 50), st.integers(0, 2**40))
def test_an_epoch_sees_each_row_at_most_once_and_leaves_less_than_a_batch(rows, batch_size, seed):
    batches = train_batches(sorted(rows), batch_size, seed)
    found = rows_of(batches, epoch=1)
    flat = [row for batch in found for row in batch]
    assert len(found) == len(batches)
    assert set(map(len, found)) == {min(batch_size, len(rows))}
    assert len(flat) == len(set(flat))
    assert set(flat) <= rows
    assert len(rows) - len(flat) < batch_size


def test_an_epoch_that_batches_divide_sees_each_row_exactly_once():
    rows = np.arange(3, 51, 2)
    found = rows_of(train_batches(rows, 6), epoch=0)
    assert sorted(row for batch in found for row in batch) == rows.tolist()


def test_images_targets_and_rows_of_a_batch_belong_together():
    for batch in train_batches(range(50, 70), 5).epoch(2):
        assert batch.images[:, 0, 0, 0].tolist() == batch.rows.tolist()
        assert batch.targets["number"][:, 0].tolist() == batch.rows.tolist()
        assert batch.images.dtype == torch.uint8


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_an_epoch_resumed_at_batch_k_goes_on_with_the_same_batches(start):
    whole = rows_of(train_batches(range(20), 5), epoch=3)
    assert rows_of(train_batches(range(20), 5), epoch=3, start=start) == whole[start:]


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else():
    batches = train_batches(range(30), 10, seed=1)
    first = rows_of(batches, epoch=0)
    torch.rand(9)
    np.random.default_rng().random(9)
    assert rows_of(batches, epoch=0) == first
    assert rows_of(batches, epoch=1) != first
    assert rows_of(train_batches(range(30), 10, seed=2), epoch=0) != first


def test_a_batch_larger_than_the_data_is_all_of_it():
    batches = train_batches(range(5), 64)
    assert len(batches) == 1
    assert sorted(rows_of(batches, 0)[0]) == [0, 1, 2, 3, 4]


OPTIONS = {"FewPerGroup": {"space": "mask", "limit": 2}}


def any_sampler(name, count, seed):
    """Return a sampler over ``count`` rows of people with up to seven images each."""
    mask = torch.eye(3)[torch.arange(count) % 7 // 3]
    groups = [str(row // 7) for row in range(count)]
    component = Component.of(name, **OPTIONS.get(name, {}))
    return SAMPLERS.build(component, rows=np.arange(count), targets={"mask": mask}, groups=groups, seed=seed)


@pytest.mark.parametrize("name", SAMPLERS.names())
@given(count=st.integers(8, 120), batch_size=st.integers(1, 12), epoch=st.integers(0, 9))
def test_the_batches_of_a_pass_are_the_samplers_order_cut_into_equal_parts(name, count, batch_size, epoch):
    sampler = any_sampler(name, count, seed=3)
    batches = TrainBatches(Numbered(count), targets_of(count), sampler, batch_size)
    read = rows_of(batches, epoch)
    assert {len(rows) for rows in read} == {batches.batch_size}
    assert [row for rows in read for row in rows] == sampler.order(epoch)[
        : len(sampler) // batches.batch_size * batches.batch_size
    ].tolist()


@given(st.lists(st.integers(0, 199), min_size=0, max_size=40, unique=True), st.integers(1, 50))
def test_evaluation_covers_all_rows_in_order_with_the_short_last_batch(rows, batch_size):
    # defect 9 of a published pipeline: drop_last in validation, but accuracy divided by the full length
    batches = EvalBatches(
        Numbered(200),
        np.array(rows, dtype=np.int64),
        batch_size=batch_size,
        size=(6, 4),
        targets=targets_of(200),
    )
    found = list(batches)
    assert len(found) == len(batches)
    assert [row for batch in found for row in batch.rows.tolist()] == rows
    assert [int(v) for batch in found for v in batch.targets["number"]] == rows
    assert [int(v) for batch in found for v in batch.images[:, 0, 0, 0]] == rows


def test_evaluation_without_targets_has_none():
    batches = EvalBatches(Numbered(3), np.arange(3), batch_size=2, size=(6, 4))
    assert [batch.targets for batch in batches] == [{}, {}]


def test_evaluation_sees_the_middle_of_the_stored_image():
    source = Numbered(1, size=(10, 8))
    source.batch = lambda rows: torch.arange(240, dtype=torch.uint8).view(1, 3, 10, 8)
    (batch,) = EvalBatches(source, np.arange(1), batch_size=2, size=(6, 4))
    assert torch.equal(batch.images, source.batch(None)[:, :, 2:8, 2:6])


def test_a_crop_of_the_same_size_changes_nothing_and_odd_borders_lose_less_above_and_left():
    images = torch.rand(2, 3, 5, 4)
    assert torch.equal(centre_crop(images, (5, 4)), images)
    assert torch.equal(centre_crop(images, (2, 3)), images[..., 1:3, 0:3])


def test_training_and_evaluation_share_the_source_and_no_transform():
    # defect 9 of a published pipeline: validation used the training transform, set on the shared parent
    source, targets = Numbered(8, size=(10, 8)), targets_of(8)
    validation = EvalBatches(source, np.arange(8), batch_size=8, size=(6, 4), targets=targets)
    before = [batch.images.clone() for batch in validation]
    for batch in TrainBatches(source, targets, sampler(range(8)), 4).epoch(0):
        batch.images.zero_()
        batch.targets["number"].zero_()
    (after,) = validation
    assert torch.equal(after.images, before[0])
    assert after.targets["number"][:, 0].tolist() == list(range(8))


def test_reading_ahead_changes_neither_the_batches_nor_their_order():
    batches = TrainBatches(Numbered(23), targets_of(23), sampler(range(23)), 4)
    for start in (0, 3, len(batches)):
        expected, found = list(batches.epoch(1, start)), list(ahead(batches.epoch(1, start)))
        assert [batch.rows.tolist() for batch in found] == [batch.rows.tolist() for batch in expected]
        assert all(torch.equal(a.images, b.images) for a, b in zip(expected, found, strict=True))


class Watched(Numbered):
    """A source that notes what was read, in which thread, and lets a test decide when a read ends."""

    def __init__(self, count):
        super().__init__(count)
        self.read, self.threads, self.pinned, self.gates = [], set(), set(), {}

    def batch(self, rows, *, pinned=False):
        if gate := self.gates.get(int(rows[0])):
            assert gate.wait(30)
        self.read.append(int(rows[0]))
        self.threads.add(threading.current_thread().name)
        self.pinned.add(pinned)
        if rows[0] == 99:
            raise DataError("gone")
        return super().batch(rows)


def single_rows(source, count):
    return Reading(source, {}, (BatchRows(np.array([row])) for row in range(count)))


def test_reading_ahead_is_a_few_batches_ahead_and_no_more():
    source = Watched(20)
    coming = ahead(single_rows(source, 20))
    assert next(coming).rows.tolist() == [0]
    coming.close()  # waits for the readers
    assert sorted(source.read) == [0, 1, 2, 3]


def test_a_batch_that_takes_long_neither_stops_the_readers_of_the_next_nor_changes_the_order():
    source = Watched(9)
    source.gates[0] = threading.Event()
    coming = ahead(single_rows(source, 9))
    first = threading.Thread(target=lambda: found.extend(next(coming).rows))
    found = []
    first.start()
    deadline = time.monotonic() + 30
    while sorted(source.read) != [1, 2] and time.monotonic() < deadline:
        time.sleep(0.001)
    assert sorted(source.read) == [1, 2]  # by the other threads, while the first one waits
    source.gates[0].set()
    first.join()
    assert [*found, *(row for batch in coming for row in batch.rows)] == list(range(9))
    assert len(source.threads) > 1


def test_an_error_while_reading_ahead_reaches_who_uses_the_batches_when_its_batch_is_due():
    source = Watched(100)
    coming = ahead(Reading(source, {}, iter([BatchRows(np.array([row])) for row in (0, 99, 1)])))
    assert next(coming).rows.tolist() == [0]
    with pytest.raises(DataError, match="gone"):
        next(coming)


@pytest.mark.parametrize("there", [True, False])
def test_batches_for_a_gpu_are_read_into_pinned_memory_without_a_second_copy(monkeypatch, there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.Tensor, "pin_memory", None)  # which would copy
    source = Watched(23)
    batches = TrainBatches(source, targets_of(23), sampler(range(23)), 4)
    expected = list(batches.epoch(1))
    source.pinned.clear()
    read = list(ahead(batches.epoch(1)))
    assert source.pinned == {there}
    assert all(torch.equal(a.images, b.images) for a, b in zip(expected, read, strict=True))


def test_the_middle_of_images_is_copied_into_pinned_memory_as_one_piece(monkeypatch):
    copied = []

    def pin_memory(images):
        copied.append(images.shape)
        return images.contiguous(memory_format=torch.channels_last)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    batches = EvalBatches(Numbered(3, size=(10, 8)), np.arange(3), batch_size=2, size=(6, 4))
    assert [len(batch.rows) for batch in ahead(iter(batches))] == [2, 1]
    assert sorted(copied) == [(1, 3, 6, 4), (2, 3, 6, 4)]  # by whichever thread was first


@given(st.integers(1, 30), st.integers(1, 30))
def test_epochs_of_any_length_see_every_row_once_before_any_twice(first, later):
    batches = train_batches(range(24), 4)
    batches.pace = Plan(lead=1, parts=1, batches=[first] * 2 + [later] * 4, validated=[True] * 6)
    counts = [len(rows_of(batches, epoch)) for epoch in range(6)]
    assert counts == [first + 1, first] + [later] * 4
    found = [row for epoch in range(6) for row in rows_of(batches, epoch)]
    for start in range(0, len(found) - 5, 6):  # a pass is six batches
        assert sorted(row for batch in found[start : start + 6] for row in batch) == list(range(24))
    assert rows_of(batches, 2, start=later // 2) == rows_of(batches, 2)[later // 2 :]


def test_an_epoch_whose_plan_still_moves_goes_on_for_whoever_reads_it():
    batches = train_batches(range(40), 4)
    batches.pace = Plan.blank(2, 3, lead=2)
    read = [batch.rows.tolist() for batch in islice(batches.epoch(0), 12)]
    assert len(read) == 12
    batches.pace.deal(0, 9, 1)
    batches.pace.moving = False
    assert rows_of(batches, 0) == read[: batches.pace.count(0)]


@pytest.mark.parametrize(
    ("size", "images"), [((32, 24), 128), ((128, 96), 128), ((384, 288), 32), ((4000, 3000), 1)]
)
def test_a_batch_that_nobody_chose_has_fewer_images_where_they_are_large(size, images):
    assert fitting_batch_size(size, torch.device("cpu")) == images
    assert fitting_batch_size(size, torch.device("cuda")) == 128


def test_a_window_knows_when_it_is_trained_on_also_where_the_pace_changes_after_it_was_read() -> None:
    for read_ahead in (False, True):
        batches = TrainBatches(
            Numbered(23), targets_of(23), sampler(range(23)), 4, accumulate=2, read_ahead=read_ahead
        )
        batches.pace = Plan(lead=2, parts=1, batches=[0], validated=[True], moving=True)
        windows = batches.windows(0)
        first = next(windows)
        assert [(batch.number, batch.time) for batch in first] == [(0, 0.0), (1, 0.0)]
        batches.pace.deal(0, 3, 1)
        rest = [[(batch.epoch, batch.number, batch.time) for batch in window] for window in windows]
        assert rest == [[(0, 2, 0.0), (0, 3, 1 / 3)], [(0, 4, 2 / 3)]]


def test_windows_go_on_from_any_batch_of_an_epoch() -> None:
    batches = TrainBatches(Numbered(23), targets_of(23), sampler(range(23)), 4, accumulate=3)
    whole = [batch.rows.tolist() for window in batches.windows(1) for batch in window]
    sizes = [len(window) for window in batches.windows(1, 2)]
    assert sum(sizes) == len(whole) - 2
    assert max(sizes) == 3
    assert [batch.rows.tolist() for window in batches.windows(1, 2) for batch in window] == whole[2:]
