"""What benchmarks are made of: turns, data folders of any size, parts of a time, memory."""

import mmap
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from benchmarks import data, peers, profile_step, start_up, store_build
from benchmarks.resident import Peak, mapped, resident
from benchmarks.turns import Turns, take_turns
from dataset.images import half_size
from dataset.images.decode import RGB
from experiment.assemble import Experiment
from experiment.eval_data import eval_data
from experiment.mode import MODES
from experiment.read_settings import read_sections, settings_from
from tests.conftest import MaskFolder

COUNTING = """
import sys
from benchmarks.turns import say, serve
print("a library's own words")
turns = iter([float(text) for text in sys.argv[1:]])
serve(lambda: next(turns), settings=sys.argv[1])
"""


def test_peers_take_turns_and_say_what_they_took():
    found = take_turns({name: ["-c", COUNTING, *texts] for name, texts in TIMES.items()}, 3)
    assert {name: turns.all for name, turns in found.items()} == {"a": (9, 1, 3), "b": (8, 5, 5)}
    assert (found["a"].warm, found["a"].median, found["a"].ready["settings"]) == ((1, 3), 2, "9")


TIMES = {"a": ("9", "1", "3"), "b": ("8", "5", "5")}


def test_the_only_turn_counts():
    assert Turns({}, (4.0,)).median == 4


def test_a_peer_that_ends_too_early_is_named_with_its_last_words():
    with pytest.raises(RuntimeError, match=r"'b' ended:\n(.|\n)*StopIteration"):
        take_turns({"a": ["-c", COUNTING, "1", "2"], "b": ["-c", COUNTING, "1"]}, 2)


def test_a_data_folder_of_any_size_is_read_by_podium_with_one_person_validating(tmp_path):
    few = MaskFolder(tmp_path / "few", 4, eval_images=2).root
    data.lay_out(few, tmp_path / "data", 60, eval_images=5)
    data.write_config(tmp_path, {"images.size": "8, 8", "model.name": "TinyNet"})
    settings = settings_from(read_sections(tmp_path / "config.ini", data.own_paths(tmp_path)), "config.ini")
    experiment = Experiment.of(settings)
    dataset, _ = experiment.training_data()
    images, _ = eval_data(experiment)
    assert (len(dataset.train_rows), len(dataset.valid_rows), len(images.files)) == (63, 7, 5)
    trained = {str(tmp_path / "data" / dataset.files[row]) for row in dataset.train_rows}
    listed = data.training_files(tmp_path / "data", 60)
    assert len(listed) == 60
    assert {str(path) for path in listed} < trained


def test_a_data_folder_with_repeated_people_can_be_repeated_again(tmp_path):
    data.lay_out(MaskFolder(tmp_path / "few", 4).root, tmp_path / "more", 35)
    data.lay_out(tmp_path / "more", tmp_path / "most", 140)
    assert len(data.training_files(tmp_path / "most", 1000)) == 140


def test_shrinking_leaves_the_images_that_were_linked_alone(tmp_path):
    few = MaskFolder(tmp_path / "few", 4, size=(32, 24)).root
    before = {path: path.read_bytes() for path in few.rglob("*.jpg")}
    data.lay_out(few, tmp_path / "data", 14)
    data.shrink(tmp_path / "data", (8, 6))
    assert {cv2.imread(str(path)).shape for path in data.training_files(tmp_path / "data", 14)} == {(8, 6, 3)}
    assert {path: path.read_bytes() for path in before} == before


def test_parts_of_a_time_are_without_the_parts_in_them():
    parts = start_up.PartTimes()
    inner = parts.wrap("inner", lambda: time.sleep(0.05))
    outer = parts.wrap("outer", lambda: (inner(), time.sleep(0.02)))
    started = time.perf_counter()
    outer()
    whole = time.perf_counter() - started
    assert 0.05 <= parts.seconds["inner"] < whole
    assert 0.02 <= parts.seconds["outer"] < 0.05
    assert sum(parts.seconds.values()) == pytest.approx(whole, abs=0.01)


def test_every_part_of_the_start_is_a_function_that_there_is():

    MODES.names()
    for places in start_up.PARTS.values():
        parts = start_up.PartTimes()
        found = []
        parts.wrap = lambda part, function, found=found: found.append(part) or function
        for place in places:
            parts.watch("part", place)
        assert found, places


def test_a_decode_at_half_size_counts_as_reduced_whatever_else_its_flags_say():
    half, whole = half_size._HALF_RGB, RGB

    assert store_build.share_reduced({whole: 3}) == 0
    assert store_build.share_reduced({half: 3, whole: 1}) == 0.75
    others = (cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_COLOR_8)
    assert store_build.share_reduced(dict.fromkeys((*store_build.FLAGS.values(), *others), 1)) == 0.75


def test_a_store_is_measured_at_the_size_that_its_room_gives():
    assert store_build.kept(0.1) == (140, 106)
    assert store_build.kept(0) == store_build.SIZE


def test_opencv_alone_fills_every_row(tmp_path):
    paths = data.training_files(_laid_out(tmp_path), 14)
    out = np.zeros((14, 8, 6, 3), np.uint8)
    store_build.shrink_all(paths, out, store_build.FLAGS[1])
    for path, row in zip(paths, out, strict=True):
        whole = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        assert np.array_equal(row, cv2.resize(whole, (6, 8), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("make", [peers.plain_loader, peers.timm_loader])
def test_the_loaders_of_the_peers_give_normalised_batches_of_the_right_size(make, tmp_path):
    paths = data.training_files(_laid_out(tmp_path), 14)
    batches = list(make(paths, (16, 12), 7, 0, peers.Machine(torch.device("cpu"))))
    assert [images.shape for images, _ in batches] == [(7, 3, 16, 12)] * 2
    values = torch.cat([images for images, _ in batches])
    assert values.dtype == torch.float32
    assert -2.2 < values.min() < values.max() < 2.7


def _laid_out(folder):
    data.lay_out(MaskFolder(folder / "few", 4).root, folder / "data", 14)
    return folder / "data"


def test_the_fastest_settings_win_and_torch_has_their_threads():
    threads = torch.get_num_threads()
    wanted = peers.candidates()[1]
    try:
        assert peers.best(lambda settings: float(settings != wanted)) == wanted
        assert torch.get_num_threads() == wanted.threads
    finally:
        torch.set_num_threads(threads)


def event(name, seconds, parent=None):
    return SimpleNamespace(name=name, self_cpu_time_total=seconds * 1e6, cpu_parent=parent)


def test_operations_belong_to_the_part_around_them_and_shares_add_up():
    forward = event("aten::conv2d", 0.1)
    backward = event("autograd::engine::evaluate_function: ConvolutionBackward0", 0.2)
    augmentation = event("augmentation", 0.0)
    events = [
        forward, event("aten::copy_", 0.1, forward), backward, event("aten::copy_", 0.1, backward),
        augmentation, event("aten::conv2d", 0.1, augmentation), event("aten::fused_adamw_", 0.1),
        event("aten::relu", 0.1),
    ]  # fmt: skip
    found = profile_step.shares(events, 1.0)
    assert {part: round(share) for part, share in found.items()} == {
        "convolutions, forward": 20, "convolutions, backward": 30, "augmentation": 10, "optimiser": 10,
        "activations and other operations, forward": 10, profile_step.PYTHON: 20,
    }  # fmt: skip
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_memory_of_the_processs_own_and_of_a_mapped_file_are_told_apart(tmp_path):
    path = tmp_path / "pixels.u8"
    np.ones(20 * 2**20, np.uint8).tofile(path)
    before, peak = resident()["anon"], Peak("pixels.u8")
    pages = np.memmap(path, np.uint8, "r")
    assert pages[::4096].sum() == 20 * 256
    fresh = mmap.mmap(-1, 50 * 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # malloc may have pages kept
    own = np.frombuffer(fresh, np.uint8)
    own[:] = 1
    time.sleep(0.1)
    found = peak.end()
    assert mapped("pixels.u8") == pytest.approx(20, abs=1)
    assert found["map"] == pytest.approx(20, abs=1)
    assert found["anon"] - before == pytest.approx(own.nbytes / 2**20, abs=10)
