"""The image store: each file is decoded once, a stale or half-built store is never used."""

import contextlib
import errno
import io
import json
import os
import select
import signal
import threading
import zlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from dataset.croppers.base import Cropper
from dataset.croppers.centre_crop import CentreCrop
from dataset.images.file_report import missed_line
from dataset.images.header import ALPHA
from dataset.images.on_the_fly import DecodedOnTheFly
from dataset.images.open_images import open_images
from dataset.images.prepare import Prepare
from dataset.images.resident import load_onto
from dataset.images.store import ImageStore, raise_bad
from dataset.pseudo.joined import JoinedSource
from utils.errors import DataError, WriteFailed

SIZE = (16, 12)
BUILD_AND_PAUSE = """
import os, sys
from pathlib import Path
from dataset.images.open_images import open_images
from dataset.images.prepare import Prepare

root, cache, pipes, *files = sys.argv[1:]

class Pausing(Prepare):
    def with_finding(self, path):
        if path == Path(root) / files[-1]:
            with open(Path(pipes, "go")) as go:  # before its other end can have been closed
                Path(pipes, "reached").write_text("the last image")
                go.read()
        return super().with_finding(path)

pid = os.fork()  # a process of its own, which may be killed
if pid == 0:
    open_images(Path(root), files, Pausing((16, 12)), Path(cache), budget=1, what="test")
    os._exit(0)
print(pid)
"""


@pytest.fixture
def folder(mask_folder):
    return mask_folder(3)


@pytest.fixture
def files(folder):
    """Relative names of the 21 train images, among them .png and .jpeg."""
    return tuple(sorted(file.relative_to(folder.root).as_posix() for file in folder.images.rglob("*.*")))


@pytest.fixture
def decoded(monkeypatch):
    """The paths that were decoded since the test began."""
    paths: Counter[Path] = Counter()
    decode = Prepare.with_finding

    def counting(self, path):
        paths[path] += 1
        return decode(self, path)

    monkeypatch.setattr(Prepare, "with_finding", counting)
    return paths


@pytest.fixture
def open_(folder, files, tmp_path):
    def open_(prepare=None, *, budget=1.0, files=files):
        return open_images(
            folder.root, files, prepare or Prepare(SIZE), tmp_path / "cache", budget=budget, what="test"
        )

    return open_


def direct(folder, files):
    """Return what the store must hold, prepared here and now."""
    return torch.from_numpy(np.stack([Prepare(SIZE)(folder.root / file) for file in files])).permute(
        0, 3, 1, 2
    )


def stores(tmp_path):
    return [path for path in (tmp_path / "cache").iterdir() if path.is_dir() and path.suffix != ".partial"]


def test_a_second_open_decodes_nothing_and_reads_the_same_pixels(open_, folder, files, decoded):
    first = open_()
    assert isinstance(first, ImageStore)
    assert decoded == dict.fromkeys((folder.root / file for file in files), 1)
    decoded.clear()
    second = open_()
    rows = np.arange(len(files))[::-1].copy()
    assert not decoded
    assert len(second) == len(files)
    assert torch.equal(first.batch(rows), second.batch(rows))
    assert torch.equal(second.batch(rows), direct(folder, [files[row] for row in rows]))


def test_a_batch_is_uint8_channels_first_in_channels_last_memory(open_):
    for budget in (1.0, 0.0):
        batch = open_(budget=budget).batch(np.array([3, 0, 5]))
        assert batch.shape == (3, 3, *SIZE)
        assert batch.dtype == torch.uint8
        assert batch.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("change", ["content", "time", "setting", "crop", "grey", "file added", "order"])
def test_whatever_changes_makes_a_new_store(open_, folder, files, decoded, tmp_path, change):
    open_()
    decoded.clear()
    prepare, changed = Prepare(SIZE), files
    path = folder.root / files[0]
    if change == "content":
        path.write_bytes(folder.coded(path.suffix, 77, 3))
    elif change == "time":
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    elif change == "setting":
        prepare = Prepare((12, 16))
    elif change == "crop":
        prepare = Prepare(SIZE, CentreCrop(size=(20, 20)))
    elif change == "grey":
        prepare = Prepare(SIZE, grey=True)
    elif change == "file added":
        changed = (*files, f"eval/images/{folder.eval_names[0]}")
    elif change == "order":
        changed = files[::-1]
    found = open_(prepare, files=changed)
    assert sum(decoded.values()) == len(changed)
    assert len(stores(tmp_path)) == 2
    expected = np.stack([prepare(folder.root / file) for file in changed])
    assert np.array_equal(found.batch(np.arange(len(changed))).permute(0, 2, 3, 1).numpy(), expected)


@pytest.fixture
def paused_build(folder, files, tmp_path, other_process):
    """Another process that builds the same store and waits before the last image: (its id, its pipe)."""
    for name in ("reached", "go"):
        os.mkfifo(tmp_path / name)
    reached = os.open(tmp_path / "reached", os.O_RDONLY | os.O_NONBLOCK)
    go = os.fdopen(os.open(tmp_path / "go", os.O_RDWR), "r+b", 0)  # which doesn't wait for the other end
    process = int(other_process(BUILD_AND_PAUSE, folder.root, tmp_path / "cache", tmp_path, *files))
    assert select.select([reached], [], [], 60)[0], "the other process does not get to the last image"
    yield process, go
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    os.close(reached)
    go.close()


def test_a_build_that_is_killed_leaves_nothing_that_looks_whole(
    paused_build, open_, folder, files, tmp_path, decoded
):
    process, _ = paused_build
    os.kill(process, signal.SIGKILL)
    assert list((tmp_path / "cache").glob("*.partial/pixels.u8"))  # it was in the middle
    assert not list((tmp_path / "cache").rglob("manifest.json"))
    assert not stores(tmp_path)
    found = open_()
    assert sum(decoded.values()) == len(files)
    assert torch.equal(found.batch(np.arange(len(files))), direct(folder, files))
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_two_processes_at_once_build_one_store(paused_build, open_, folder, files, tmp_path, decoded):
    opened = []
    here = threading.Thread(target=lambda: opened.append(open_()))
    here.start()  # waits for the other process, which holds the lock
    _, go = paused_build
    go.close()  # the end of its wait
    here.join(timeout=60)
    assert not decoded
    assert len(stores(tmp_path)) == 1
    assert torch.equal(opened[0].batch(np.arange(len(files))), direct(folder, files))


def test_a_store_above_the_budget_is_not_built_and_gives_identical_pixels(open_, files, tmp_path, caplog):
    rows = np.array([5, 0, 5, 20])
    unstored = open_(budget=0)
    assert isinstance(unstored, DecodedOnTheFly)
    assert len(unstored) == len(files)
    assert "store_budget" in caplog.text
    assert not stores(tmp_path)
    assert torch.equal(unstored.batch(rows), open_().batch(rows))


def test_a_part_that_is_cut_out_but_not_resized_is_stored_whole(open_, folder, files):
    cut = Prepare(SIZE, CentreCrop(size=SIZE))
    rows = np.arange(len(files))
    expected = np.stack([cut(folder.root / file) for file in files])
    assert np.array_equal(open_(cut).batch(rows).permute(0, 2, 3, 1).numpy(), expected)


@pytest.mark.parametrize("call", ["pwrite", "fsync", "truncate"])
def test_a_full_disk_is_an_error_that_names_the_file_and_leaves_no_store(open_, tmp_path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(WriteFailed, match=r"pixels\.u8 can't be written: No space left on device\."):
            open_()
    assert not stores(tmp_path)
    assert isinstance(open_(), ImageStore)


def test_a_disk_that_takes_a_part_of_a_write_is_given_the_rest(open_, files, folder, monkeypatch):
    pwrite = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda file, data, place: pwrite(file, data[:100], place))
        found = open_()
    assert torch.equal(found.batch(np.arange(len(files))), direct(folder, files))


def test_without_a_store_unreadable_images_are_known_from_the_start_as_well(open_, folder, files, decoded):
    (folder.root / files[7]).write_bytes(b"text")
    assert set(open_(budget=0).bad) == {7}
    tried = sum(decoded.values())
    assert set(open_(budget=0).bad) == {7}
    assert sum(decoded.values()) == tried + 1  # the answer is kept: a second run tries only the bad one


def test_the_budget_is_in_gigabytes_of_prepared_pixels(open_, files):
    needed = len(files) * SIZE[0] * SIZE[1] * 3 / 1e9
    assert isinstance(open_(budget=needed * 0.99), DecodedOnTheFly)
    assert isinstance(open_(budget=needed * 1.01), ImageStore)


def test_all_unreadable_images_are_listed_in_one_error_also_on_a_second_open(open_, folder, files):
    bad = {2: b"", 7: b"text", 20: None}
    for row, content in bad.items():
        path = folder.root / files[row]
        path.unlink() if content is None else path.write_bytes(content)
    for _ in range(2):
        source = open_()
        assert sorted(source.bad) == sorted(bad)
        with pytest.raises(DataError) as caught:
            raise_bad(source)
        assert "3 image(s) can't be read" in str(caught.value)
        assert all(str(folder.root / files[row]) in str(caught.value) for row in bad)
    good = np.setdiff1d(np.arange(len(files)), list(bad))
    assert torch.equal(source.batch(good), direct(folder, [files[row] for row in good]))


def test_good_images_raise_nothing(open_):
    source = open_()
    raise_bad(source)
    assert source.bad == {}


def test_a_long_list_of_unreadable_images_is_capped_with_the_count(open_):
    files = tuple(f"none/{number}.jpg" for number in range(35))
    with pytest.raises(DataError) as caught:
        raise_bad(open_(files=files))
    assert "35 image(s)" in str(caught.value)
    assert str(caught.value).count("none/") == 30
    assert "and 5 more" in str(caught.value)


def test_an_image_that_breaks_while_decoding_on_the_fly_is_a_data_error(open_, folder, files):
    (folder.root / files[4]).write_bytes(b"")
    source = open_(budget=0)
    with pytest.raises(DataError, match="Mend or remove it"):
        source.batch(np.array([3, 4]))


def test_a_mended_image_is_read_again(open_, folder, files):
    path = folder.root / files[0]
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert 0 in open_().bad
    path.write_bytes(whole)
    assert open_().bad == {}


def test_the_data_folder_is_never_written_to(open_, folder):
    before = folder.listing()
    open_().batch(np.array([0]))
    open_(budget=0).batch(np.array([0]))
    assert folder.listing() == before


def test_an_unexpected_error_in_a_build_leaves_no_store_and_is_not_swallowed(open_, tmp_path, monkeypatch):
    def broken(self, path):
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(Prepare, "with_finding", broken)
        with pytest.raises(RuntimeError, match="a bug"):
            open_()
    assert not stores(tmp_path)
    assert isinstance(open_(), ImageStore)


def test_opencvs_threads_are_as_before_after_a_build(open_):
    # trap: OpenCV's threads times the loader's threads oversubscribe the cores
    threads = cv2.getNumThreads()
    open_()
    assert cv2.getNumThreads() == threads


def test_an_image_that_was_mended_without_a_new_time_is_read_again(open_, folder, files):
    path = folder.root / files[3]
    content, facts = path.read_bytes(), path.stat()
    path.write_bytes(b"x" * len(content))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert set(open_().bad) == {3}
    path.write_bytes(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert not open_().bad


@pytest.mark.parametrize("damage", ["truncate", "no manifest", "garbage"])
def test_a_damaged_store_is_built_again(open_, folder, files, tmp_path, damage):
    expected = open_().batch(np.arange(len(files))).clone()
    (store,) = stores(tmp_path)
    if damage == "truncate":
        os.truncate(store / "pixels.u8", 100)
    elif damage == "no manifest":
        (store / "manifest.json").unlink()
    else:
        (store / "manifest.json").write_text("{")
    assert torch.equal(open_().batch(np.arange(len(files))), expected)


class Bluish(Cropper):
    """Finds nothing in images whose middle has little blue."""

    seeks = "face"
    instead = "their centre was kept"

    def __init__(self, *, least=0):
        self.least = least

    def __call__(self, image):
        return (0, 0, 20, 20) if image[16, 12, 2] >= self.least else None


@pytest.mark.parametrize("budget", [0.0, 1.0])
def test_images_in_which_the_cropper_finds_nothing_are_counted_also_when_nothing_is_prepared_anew(
    open_, folder, files, decoded, budget
):
    bluish = Bluish(least=60)  # of the three people the third has more
    missed = [row for row, file in enumerate(files) if "000003" not in file]
    (folder.root / files[0]).write_bytes(b"text")
    for opened in range(2):
        source = open_(Prepare(SIZE, bluish), budget=budget)
        assert source.missed == missed[1:]  # what can't be read counts as that
        assert missed_line(source, bluish, "training") == (
            "No face found in 13 of 21 training images: their centre was kept."
        )
        assert sum(decoded.values()) == len(files) + opened + (budget == 0)  # the bad one again


def test_nothing_missed_is_nothing_said(open_):
    for budget in (0.0, 1.0):
        assert missed_line(open_(Prepare(SIZE, Bluish()), budget=budget), Bluish(), "training") == ""


def test_a_large_count_has_commas_and_a_cropper_need_not_say_what_it_seeks(open_):
    source = open_()
    source.missed = list(range(1200))
    assert missed_line(source, Cropper(), "eval") == (
        "No part to crop to found in 1,200 of 21 eval images: all of each was kept."
    )


@pytest.mark.parametrize("budgets", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
def test_two_sources_are_one_whose_rows_go_on(open_, folder, files, budgets):
    first, second = open_(budget=budgets[0], files=files[:8]), open_(budget=budgets[1], files=files[8:])
    joined = JoinedSource(first, second)
    assert len(joined) == len(files)
    for rows in ([3, 1], [9, 20, 8], [20, 0, 8, 7, 7, 12, 3]):
        batch = joined.batch(np.array(rows))
        assert torch.equal(batch, direct(folder, [files[row] for row in rows]))
        assert batch.is_contiguous(memory_format=torch.channels_last)


def test_two_sources_as_one_name_what_is_wrong_by_its_row_in_both(open_, folder, files):
    for row in (2, 10, 11):
        (folder.root / files[row]).write_bytes(b"no image")
    joined = JoinedSource(open_(files=files[:8]), open_(files=files[8:]))
    assert set(joined.bad) == {2, 10, 11}
    assert all(files[row] in why for row, why in joined.bad.items())
    nothing = Prepare(SIZE, Bluish(least=256))
    parts = [open_(nothing, files=part) for part in (files[3:5], files[5:8])]
    assert JoinedSource(*parts).missed == list(range(5))


def photo(seed, **options):
    """Return a JPEG whose code is long enough to fall out of step."""
    noise = np.random.default_rng(seed).integers(0, 120, (96, 128, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=90, **options)
    return bytearray(out.getvalue())


@pytest.fixture
def damaged(tmp_path):
    """A folder of 40 JPEGs of which 3, 17 and 18 were damaged in the middle; decoders read them all."""
    (tmp_path / "photos").mkdir()
    for number in range(40):
        data = photo(number, progressive=number == 17)
        if number in (3, 17, 18):
            data[3000:3200] = bytes(200) if number == 3 else bytes(range(200))
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(data)
    return tmp_path / "photos", tuple(f"{number}.jpg" for number in range(40))


@pytest.mark.parametrize("budget", [0.0, 1.0])
@pytest.mark.parametrize("size", [(8, 6), (64, 96)])  # decoded at half its size, and whole
def test_a_jpeg_that_its_decoder_only_warned_of_is_named_and_no_other_one(
    damaged, tmp_path, capfd, budget, size
):
    folder, files = damaged
    for _ in range(2):
        source = open_images(folder, files, Prepare(size), tmp_path / "c", budget=budget, what="test")
        assert sorted(source.bad) == [3, 17, 18]
        for row, why in source.bad.items():
            assert why.startswith(f"{folder / files[row]}: damaged, its decoder says: ")
            assert "Corrupt JPEG data" in why
    assert "Corrupt" not in capfd.readouterr().err  # it is said where it belongs


def test_a_damaged_image_that_was_mended_is_read_again(damaged, tmp_path):
    folder, files = damaged
    assert 3 in open_images(folder, files, Prepare(SIZE), tmp_path / "c", budget=1, what="test").bad
    (folder / "3.jpg").write_bytes(photo(3))
    source = open_images(folder, files, Prepare(SIZE), tmp_path / "c", budget=1, what="test")
    assert sorted(source.bad) == [17, 18]
    assert torch.equal(source.batch(np.array([3])), direct_of(folder / "3.jpg"))


def direct_of(path):
    return torch.from_numpy(Prepare(SIZE)(path))[None].permute(0, 3, 1, 2)


def test_what_files_are_like_is_kept_with_the_store_and_counted_on_in_two_as_one(tmp_path):
    for number in range(6):
        mode = "RGBA" if number in (1, 4) else "RGB"
        Image.new(mode, (20, 20)).save(tmp_path / f"{number}.png")
    files = tuple(f"{number}.png" for number in range(6))

    def opened(files, budget):
        return open_images(tmp_path, files, Prepare(SIZE), tmp_path / "c", budget=budget, what="test")

    for budget in (0.0, 1.0):
        for _ in range(2):
            assert opened(files, budget).remarks == {ALPHA: [1, 4]}
    joined = JoinedSource(opened(files[:3], 1), opened(files[3:], 0))
    assert joined.remarks == {ALPHA: [1, 4]}


@pytest.mark.parametrize("damage", ["a bit", "zeros", "another image", "random"])
def test_an_image_that_the_disk_has_changed_is_decoded_anew_and_the_store_built_again(
    open_, folder, files, tmp_path, decoded, caplog, damage
):
    open_()
    (store,) = stores(tmp_path)
    data = np.fromfile(store / "pixels.u8", np.uint8).reshape(len(files), -1)
    if damage == "a bit":
        data[5, 100] ^= 4
    elif damage == "zeros":
        data[5, :64] = 0
    elif damage == "another image":
        data[5] = data[12]
    else:
        data[5] = np.random.default_rng(0).integers(0, 256, data.shape[1])
    data.tofile(store / "pixels.u8")
    decoded.clear()
    expected = direct(folder, files)
    decoded.clear()
    found = open_()
    for _ in range(2):  # it stays right in later epochs
        assert torch.equal(found.batch(np.arange(len(files))), expected)
    assert decoded.keys() == {folder.root / files[5]}
    assert f"is damaged where {folder.root / files[5]} is" in caplog.text
    decoded.clear()
    assert torch.equal(open_().batch(np.arange(len(files))), expected)
    assert len(decoded) == len(files)


def test_an_image_is_checked_once_in_a_process(open_, files, monkeypatch):
    store, checked = open_(), []
    crc32 = zlib.crc32
    monkeypatch.setattr(zlib, "crc32", lambda data: checked.append(1) or crc32(data))
    for rows in ([0, 3, 0], [3, 4], list(range(len(files)))):
        store.batch(np.array(rows))
    assert len(checked) == len(files) + 1  # row 0 came twice in the batch in which it was new


@pytest.mark.parametrize(
    "text",
    ["[]", "null", "3", '{"shape": 3}', '{"bad": [], "missed": 0, "shape": [1, 2, 3, 4]}', "[" * 9999, ""],
)
@pytest.mark.parametrize("budget", [0.0, 1.0])
def test_a_manifest_of_any_content_is_built_again(open_, files, tmp_path, text, budget):
    expected = open_(budget=budget).batch(np.arange(len(files)))
    (path,) = [*(tmp_path / "cache").glob("*/manifest.json"), *(tmp_path / "cache").glob("*.seen.json")]
    path.write_text(text, encoding="utf-8")
    assert torch.equal(open_(budget=budget).batch(np.arange(len(files))), expected)


@pytest.mark.parametrize("change", [("missed", [0]), ("bad", {"3": "gone"}), ("sums", "0" * 64)])
def test_a_manifest_that_says_something_else_than_was_written_is_built_again(
    open_, tmp_path, change, decoded, files
):
    open_()
    (path,) = (tmp_path / "cache").glob("*/manifest.json")
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | dict([change])))
    decoded.clear()
    found = open_()
    assert (found.missed, found.bad) == ([], {})
    assert len(decoded) == len(files)


def test_a_resident_store_is_checked_while_it_is_read(open_, folder, files, tmp_path):
    open_()
    (store,) = stores(tmp_path)
    with open(store / "pixels.u8", "r+b") as file:
        file.seek(1000)
        file.write(b"\x11\x22\x33")
    found = load_onto(open_(), "memory", torch.device("cpu"), "test")
    assert torch.equal(found.batch(np.arange(len(files))), direct(folder, files))
