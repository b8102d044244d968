"""The compressed store: the promises of the plain one, at a fraction of its size."""

import os

import cv2
import numpy as np
import pytest
import torch

from dataset.images.build_store import build
from dataset.images.compressed import CompressedStore
from dataset.images.jpeg import recoded
from dataset.images.on_the_fly import DecodedOnTheFly
from dataset.images.open_images import kind_of, open_images
from dataset.images.prepare import Prepare
from dataset.images.resident import load_onto
from dataset.images.store import ImageStore
from utils.errors import WriteFailed

SIZE = (16, 12)
ROWS = np.array([5, 0, 5, 20, 13])


@pytest.fixture
def folder(mask_folder):
    """A folder whose images have a texture, so that compressing changes them."""
    folder, rng = mask_folder(3), np.random.default_rng(0)
    for path in folder.images.rglob("*.*"):
        noise = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
        cv2.imwrite(str(path), cv2.GaussianBlur(noise, (0, 0), 1))
    return folder


@pytest.fixture
def files(folder):
    return tuple(sorted(file.relative_to(folder.root).as_posix() for file in folder.images.rglob("*.*")))


@pytest.fixture
def open_(folder, files, tmp_path):
    def open_(kind="compressed", *, budget=1.0, size=SIZE):
        cache = tmp_path / "cache"
        return open_images(folder.root, files, Prepare(size), cache, budget=budget, what="test", kind=kind)

    return open_


def expected(folder, files, rows):
    images = [recoded(Prepare(SIZE)(folder.root / files[row])) for row in rows]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def store_of(tmp_path):
    (folder,) = (path.parent for path in (tmp_path / "cache").glob("images-*/images.jpg"))
    return folder


def test_a_batch_is_what_jpeg_leaves_of_the_prepared_images_in_any_order(open_, folder, files):
    batch = open_().batch(ROWS)
    assert torch.equal(batch, expected(folder, files, ROWS))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert batch.dtype == torch.uint8


def test_a_second_open_decodes_no_file_and_reads_the_same_bits(open_, monkeypatch):
    first = open_().batch(ROWS)

    def refuse(self, path):
        raise AssertionError(path)

    monkeypatch.setattr(Prepare, "with_finding", refuse)
    assert torch.equal(open_().batch(ROWS), first)


def test_its_file_is_the_same_whichever_thread_was_first(open_, tmp_path, monkeypatch):
    from dataset.images import build_store

    monkeypatch.setattr(build_store, "_CHUNK", 2)
    monkeypatch.setattr(build_store, "cores", lambda: 5)
    open_()
    before = (store_of(tmp_path) / "images.jpg").read_bytes()
    for path in store_of(tmp_path).iterdir():
        path.unlink()
    monkeypatch.setattr(build_store, "cores", lambda: 1)
    open_()
    assert (store_of(tmp_path) / "images.jpg").read_bytes() == before


def test_an_image_that_the_disk_changed_is_named_decoded_anew_and_the_store_built_again(
    open_, folder, files, tmp_path, caplog
):
    open_()
    path = store_of(tmp_path) / "images.jpg"
    data = bytearray(path.read_bytes())
    ends = np.fromfile(store_of(tmp_path) / "ends.u8", "<u8")
    data[int(ends[13]) - 9] ^= 1
    path.write_bytes(data)
    store = open_()
    assert torch.equal(store.batch(ROWS), expected(folder, files, ROWS))
    assert f"images.jpg is damaged where {folder.root / files[13]} is" in caplog.text
    assert not (store_of(tmp_path) / "manifest.json").exists()
    caplog.clear()
    assert torch.equal(open_().batch(ROWS), expected(folder, files, ROWS))
    assert "damaged" not in caplog.text


def test_an_image_is_held_against_its_checksum_once(open_, tmp_path, caplog):
    store = open_()
    store.batch(ROWS)
    path = store_of(tmp_path) / "sums.u4"
    path.write_bytes(bytes(path.stat().st_size))
    store._sums[:] = 0
    store.batch(ROWS)
    assert "damaged" not in caplog.text


@pytest.mark.parametrize("name", ["images.jpg", "ends.u8", "sums.u4", "manifest.json"])
@pytest.mark.parametrize("how", ["cut", "changed", "gone"])
def test_a_damaged_store_is_built_again_or_its_image_decoded_anew(open_, folder, files, tmp_path, name, how):
    open_()
    path = store_of(tmp_path) / name
    if how == "cut":
        os.truncate(path, path.stat().st_size - 3)
    elif how == "changed":
        path.write_bytes(path.read_bytes()[:-8] + b"\0" * 8)
    else:
        path.unlink()
    assert torch.equal(open_().batch(ROWS), expected(folder, files, ROWS))


def test_a_build_that_stops_leaves_nothing_that_looks_whole(open_, tmp_path, monkeypatch, folder, files):
    def full(*_):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(WriteFailed, match=r"images\.jpg can't be written: No space left on device"):
            open_()
    assert not list((tmp_path / "cache").rglob("manifest.json"))
    assert torch.equal(open_().batch(ROWS), expected(folder, files, ROWS))


def test_images_that_cannot_be_read_are_named_and_the_others_are_there(open_, folder, files):
    for row in (0, 7, 20):
        (folder.root / files[row]).write_bytes(b"no image")
    for _ in range(2):
        store = open_()
        assert isinstance(store, CompressedStore)
        assert sorted(store.bad) == [0, 7, 20]
        good = np.array([1, 19, 6, 8])
        assert torch.equal(store.batch(good), expected(folder, files, good))


def test_a_store_of_no_readable_image_is_a_store(open_, folder, files):
    for file in files:
        (folder.root / file).write_bytes(b"no image")
    assert len(open_().bad) == len(open_().bad) == len(files)


def test_both_kinds_lie_side_by_side(open_):
    compressed, plain = open_(), open_("plain")
    assert (type(compressed), type(plain)) == (CompressedStore, ImageStore)
    assert kind_of(compressed) == "compressed"
    assert kind_of(plain) == "plain"
    assert torch.equal(open_().batch(ROWS), compressed.batch(ROWS))
    difference = (compressed.batch(ROWS).float() - plain.batch(ROWS).float()).square().mean()
    assert 0 < difference <= 255**2 / 10**4  # 40 dB


def test_without_room_the_bits_of_the_compressed_store_are_made_anew_each_time(open_, folder, files):
    source = open_(budget=0)
    assert isinstance(source, DecodedOnTheFly)
    assert kind_of(source) == "compressed"
    assert torch.equal(source.batch(ROWS), expected(folder, files, ROWS))


def test_auto_is_plain_where_that_fits_compressed_where_only_that_does_else_neither(open_, files, caplog):
    size = (160, 120)
    needed = len(files) * 160 * 120 * 3 / 1e9
    caplog.set_level("INFO", "podium")
    assert isinstance(open_("auto", budget=needed * 0.01, size=size), DecodedOnTheFly)
    assert "plain 0.0 GB and compressed 0.0 GB" in caplog.text
    compressed = open_("auto", budget=needed * 0.9, size=size)
    assert isinstance(compressed, CompressedStore)
    assert "would not fit into the" in caplog.text
    assert f"at least {compressed.decibels[0]:.1f} dB" in caplog.text
    assert "compressed" not in caplog.text.split("GB allowed")[-1]
    plain = open_("auto", budget=needed * 1.1, size=size)
    assert isinstance(plain, ImageStore)
    assert "plain pixels; there is room for it" in caplog.text
    assert isinstance(open_("auto", budget=0, size=size), ImageStore)  # which is there


def test_a_budget_that_nobody_set_is_half_of_the_free_disk(open_, files, monkeypatch):
    import shutil

    needed = len(files) * SIZE[0] * SIZE[1] * 3
    usage = shutil.disk_usage(".")
    for free, stored in ((2.1, True), (1.9, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free * needed))
        source = open_("plain", budget="auto", size=SIZE if stored else (12, 16))
        assert isinstance(source, ImageStore) == stored


def test_what_is_said_of_the_size_is_the_size_and_its_guess_was_not_far_off(open_, tmp_path, caplog):
    caplog.set_level("INFO", "podium")
    store = open_(size=(80, 60))
    size = (store_of(tmp_path) / "images.jpg").stat().st_size
    assert store.size == size
    assert f"{size / 1e6:.1f} MB, JPEG" in caplog.text


@pytest.mark.parametrize("where", ["auto", "compressed", "memory", "device"])
def test_a_compressed_store_stays_on_the_disk(open_, where):
    store = open_()
    assert load_onto(store, where, torch.device("meta"), "test") is store


def test_build_is_one_function_for_both(tmp_path, folder, files):
    from dataset.files.named_files import NamedFiles
    from dataset.images.pixel_files import CompressedFile

    named = NamedFiles(folder.root, files)
    build(tmp_path / "store", named, Prepare(SIZE), "test", CompressedFile)
    assert torch.equal(
        CompressedStore(tmp_path / "store", named, Prepare(SIZE)).batch(ROWS), expected(folder, files, ROWS)
    )
