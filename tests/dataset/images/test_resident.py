"""Where a store lives changes no bit of its batches."""

import numpy as np
import pytest
import torch

from dataset.images import resident
from dataset.images.open_images import open_images
from dataset.images.prepare import Prepare
from dataset.images.resident import ResidentStore, load_onto
from dataset.images.store import ImageStore
from dataset.pseudo.joined import JoinedSource
from utils.errors import ConfigError

SIZE = (16, 12)
CPU, META = torch.device("cpu"), torch.device("meta")
ROWS = np.array([5, 0, 5, 13])
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.fixture
def open_(mask_folder, tmp_path):
    folder = mask_folder(2)
    files = sorted(file.relative_to(folder.root).as_posix() for file in folder.images.rglob("*.*"))
    (folder.root / files[7]).write_bytes(b"no image")

    def open_(budget=1.0, part=slice(None)):
        cache = tmp_path / "cache"
        return open_images(folder.root, files[part], Prepare(SIZE), cache, budget=budget, what="test")

    return open_


def with_free(monkeypatch, bytes_):
    monkeypatch.setattr(resident, "free_memory", lambda device: bytes_)


@pytest.mark.parametrize("where", ["auto", "disk", "memory", "device"])
def test_batches_are_the_same_wherever_the_store_is(open_, where):
    source = open_()
    placed = load_onto(source, where, CPU, "test")
    batch = placed.batch(ROWS)
    assert torch.equal(batch, source.batch(ROWS))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert (batch.dtype, batch.device) == (torch.uint8, CPU)
    assert batch.to(CPU) is batch  # what the loop does with it costs nothing
    assert (len(placed), placed.bad, placed.missed) == (len(source), source.bad, source.missed)
    assert isinstance(placed, ResidentStore) == (where in ("memory", "device"))


def test_a_store_in_memory_does_not_read_the_file_again(open_, tmp_path):
    source = open_()
    expected = source.batch(ROWS).clone()
    placed = load_onto(source, "memory", META, "test")  # whatever the device is
    (pixels,) = (tmp_path / "cache").glob("images-*/pixels.u8")
    pixels.write_bytes(bytes(pixels.stat().st_size))
    assert torch.equal(placed.batch(ROWS), expected)
    assert not torch.equal(source.batch(ROWS), expected)


def test_a_store_on_a_device_gives_batches_there(open_):
    batch = load_onto(open_(), "device", META, "test").batch(ROWS)
    assert batch.device == META
    assert batch.shape == (4, 3, *SIZE)
    assert batch.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("where", ["memory", "device"])
def test_folds_of_one_table_share_one_copy(open_, where):
    placed = load_onto(open_(), where, CPU, "test")
    assert load_onto(open_(), where, CPU, "test") is placed
    assert load_onto(open_(), where, META, "test") is placed or where == "device"
    assert load_onto(open_(part=slice(5)), where, CPU, "test") is not placed


@pytest.mark.parametrize(("share", "there"), [(0.29, True), (0.31, False)])
def test_auto_takes_the_device_when_a_small_part_of_its_free_memory_is_enough(
    open_, monkeypatch, share, there
):
    source = open_()
    with_free(monkeypatch, int(source.pixels.nbytes / share))
    assert (load_onto(source, "auto", META, "test") is not source) == there


def test_a_device_without_memory_of_its_own_is_never_chosen_by_auto(open_):
    source = open_()
    assert load_onto(source, "auto", META, "test") is source


def test_images_that_do_not_fit_onto_the_device_are_refused_with_both_sizes(open_, monkeypatch):
    source = open_()
    with_free(monkeypatch, source.pixels.nbytes - 1)
    with pytest.raises(ConfigError, match=r"store = device: the eval images take 0.0 GB .* plain, memory"):
        load_onto(source, "device", META, "eval")


def test_images_without_a_store_stay_as_they_are(open_):
    source = open_(budget=0)
    assert not isinstance(source, ImageStore)
    assert load_onto(source, "device", META, "test") is source


@pytest.mark.parametrize("wheres", [("memory", "disk"), ("disk", "memory"), ("device", "device")])
def test_two_sources_in_different_places_are_one(open_, wheres):
    parts = [open_(part=part) for part in (slice(5), slice(5, None))]
    joined = JoinedSource(
        *(load_onto(part, where, CPU, "x") for part, where in zip(parts, wheres, strict=True))
    )
    assert torch.equal(joined.batch(ROWS), JoinedSource(*parts).batch(ROWS))


@needs_gpu
@pytest.mark.parametrize("wheres", [("device", "device"), ("device", "disk"), ("auto", "auto")])
def test_on_a_gpu_batches_have_the_same_bits_and_never_leave_it(open_, wheres):
    gpu = torch.device("cuda", torch.cuda.current_device())
    parts = [open_(part=part) for part in (slice(5), slice(5, None))]
    joined = JoinedSource(
        *(load_onto(part, where, gpu, "x") for part, where in zip(parts, wheres, strict=True))
    )
    batch = joined.batch(ROWS)
    assert batch.device == gpu
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch.cpu(), JoinedSource(*parts).batch(ROWS))
