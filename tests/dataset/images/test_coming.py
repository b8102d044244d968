"""Images are used while others are prepared: the same ones, few at a time, and nobody waits for ever."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.images import build_store
from dataset.images import coming as module
from dataset.images.coming import Coming, NotComing, alongside
from dataset.images.open_images import open_images
from dataset.images.prepare import Prepare
from utils.errors import WriteFailed

SIZE = (16, 12)
SHAPE = (6, 2, 2, 3)


@pytest.fixture
def folder(mask_folder):
    return mask_folder(3)


@pytest.fixture
def files(folder):
    """Relative names of 21 images."""
    return tuple(sorted(file.relative_to(folder.root).as_posix() for file in folder.images.rglob("*.*")))


def _image(row: int) -> np.ndarray:
    return np.full(SHAPE[1:], row, np.uint8)


def _all(source, count: int) -> torch.Tensor:
    """Every image of a source, in batches of four."""
    starts = range(0, count, 4)
    return torch.cat([source.batch(np.arange(start, min(start + 4, count))) for start in starts])


@pytest.mark.parametrize("budget", [1, 0])  # with a store, and without one
def test_images_that_are_used_while_they_are_prepared_are_those_of_the_store(folder, files, tmp_path, budget):
    used = []

    def use(coming):
        used.append(_all(coming, len(files)))

    prepare, root = Prepare(SIZE), folder.root
    source = open_images(root, files, prepare, tmp_path, budget=budget, what="test", meanwhile=use)

    assert torch.equal(used[0], _all(source, len(files)))
    assert used[0].is_contiguous(memory_format=torch.channels_last)


def test_a_store_that_is_there_is_not_prepared_for_a_second_time(folder, files, tmp_path):
    open_images(folder.root, files, Prepare(SIZE), tmp_path, budget=1, what="test")
    used = []

    open_images(folder.root, files, Prepare(SIZE), tmp_path, budget=1, what="test", meanwhile=used.append)

    assert not used


def test_a_compressed_store_is_whole_before_its_images_are_used(folder, files, tmp_path):
    used, prepare, root = [], Prepare(SIZE), folder.root

    open_images(
        root, files, prepare, tmp_path, budget=1, what="test", kind="compressed", meanwhile=used.append
    )

    assert not used


def test_a_store_is_whole_although_its_images_were_not_waited_for(folder, files, tmp_path):
    def use(coming):
        coming.batch(np.arange(2))

    store = open_images(folder.root, files, Prepare(SIZE), tmp_path, budget=1, what="test", meanwhile=use)
    alone = open_images(folder.root, files, Prepare(SIZE), tmp_path / "alone", budget=1, what="test")

    assert torch.equal(_all(store, len(files)), _all(alone, len(files)))


def test_an_image_that_cannot_be_read_ends_the_use_and_is_named_by_the_store(folder, files, tmp_path):
    Path(folder.root, files[9]).write_bytes(b"no image")
    ends = []

    def use(coming):
        try:
            _all(coming, len(files))
        except NotComing as end:
            ends.append(end)
            raise

    store = open_images(folder.root, files, Prepare(SIZE), tmp_path, budget=1, what="test", meanwhile=use)

    assert len(ends) == 1
    assert list(store.bad) == [9]


def test_a_failure_of_the_preparation_reaches_whoever_asked_for_it():
    def prepare(coming):
        coming.put(0, _image(0))
        raise WriteFailed("the disk is full")

    with pytest.raises(WriteFailed, match="the disk is full"):
        alongside(prepare, SHAPE, lambda coming: coming.batch(np.arange(6)))


def test_a_failure_in_the_middle_ends_the_waiting_of_the_threads_that_are_ahead_of_it(
    folder, files, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_WAITING", 4 * SIZE[0] * SIZE[1] * 3)  # bytes of four images
    monkeypatch.setattr(build_store, "_CHUNK", 4)
    monkeypatch.setattr(build_store, "cores", lambda: 3)
    ahead = threading.Event()

    class Fails(Prepare):
        def with_finding(self, path):
            if path == Path(folder.root, files[5]):
                ahead.wait(10)
                raise MemoryError("no memory")
            if path == Path(folder.root, files[11]):
                ahead.set()
            return super().with_finding(path)

    failures = []

    def build():
        try:
            open_images(folder.root, files, Fails(SIZE), tmp_path, budget=1, what="test", meanwhile=use)
        except MemoryError as failure:
            failures.append(str(failure))

    def use(coming):
        _all(coming, len(files))

    thread = threading.Thread(target=build, daemon=True)
    thread.start()
    thread.join(20)
    assert failures == ["no memory"]


def test_a_failure_of_the_use_stops_the_preparation():
    began, stopped = threading.Event(), []

    def prepare(coming):
        began.set()
        try:
            for row in range(10**9):
                coming.put(row % 6, _image(0))
        except NotComing:
            stopped.append(True)
            raise

    def use(coming):
        began.wait()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alongside(prepare, SHAPE, use)
    assert stopped == [True]


def test_what_is_prepared_long_before_it_is_asked_for_waits(monkeypatch):
    monkeypatch.setattr(module, "_WAITING", 2 * 2 * 2 * 3)  # bytes of two images
    coming, put = Coming(SHAPE), []

    def prepare():
        for row in range(6):
            coming.put(row, _image(row))
            put.append(row)

    thread = threading.Thread(target=prepare)
    thread.start()
    thread.join(0.2)
    before = list(put)
    batches = [coming.batch(np.arange(start, start + 2)) for start in (0, 2, 4)]
    thread.join()

    assert before == [0, 1]
    assert torch.cat(batches)[:, 0, 0, 0].tolist() == list(range(6))


def test_no_images_are_prepared_without_use():
    shapes = []

    alongside(shapes.append, (0, 2, 2, 3), lambda coming: coming.batch(np.arange(0)))

    assert shapes == [None]


def test_whoever_waits_for_a_batch_is_woken_when_all_of_it_is_there(monkeypatch):
    coming, woken, batches = Coming(SHAPE), [], []
    wake = coming._changed.notify_all
    monkeypatch.setattr(coming._changed, "notify_all", lambda: (woken.append(True), wake()))
    thread = threading.Thread(target=lambda: batches.append(coming.batch(np.arange(4))))
    thread.start()
    while not coming._lacking:
        time.sleep(0.001)
    woken.clear()

    for row in (0, 2, 1):
        coming.put(row, _image(row))
    before = len(woken)
    coming.put(3, _image(3))
    thread.join()

    assert (before, len(woken)) == (0, 1)
    assert batches[0][:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_several_batches_may_be_waited_for_at_once():
    coming, batches = Coming(SHAPE), {}

    def take(start):
        batches[start] = coming.batch(np.arange(start, start + 2))[:, 0, 0, 0].tolist()

    threads = [threading.Thread(target=take, args=(start,)) for start in (0, 2, 4)]
    for thread in threads:
        thread.start()
    for row in (4, 1, 3, 0, 5, 2):
        coming.put(row, _image(row))
    for thread in threads:
        thread.join(10)

    assert batches == {0: [0, 1], 2: [2, 3], 4: [4, 5]}
