"""Checkpoints: whole or not there, whatever happens to the files or to the process."""

import json
import logging
import os
import pickle
import random
import signal
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.forks import python_process
from tests.waiting import wait_for
from train import checkpoint, tensors_file
from train.tensors_file import pieces_of
from utils.durable import digest_of, write_pieces
from utils.errors import ResumableStop, WriteFailed

SUFFIXES = ("json", "safetensors")


def same(a: Any, b: Any) -> bool:
    """Equal in type, value, tensor type and every bit of a tensor."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def values(step: int) -> dict[str, Any]:
    return {"weight": torch.full((3,), float(step)), "step": step}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder with two generations, of steps 1 and 2."""
    for step in (1, 2):
        checkpoint.save(tmp_path, "last", step, values(step))
    return tmp_path


def test_nested_values_come_back_as_they_were(tmp_path: Path) -> None:
    given_values = {
        "nested": {"list": [1, 2.5, None, True, "text"], "empty list": [], "empty dict": {}},
        "integer keys": {0: torch.ones(2), 10: {2: "two"}},
        "0-dim": torch.tensor(2.5),
        "no elements": torch.zeros(0, 3),
        "bytes": torch.arange(4, dtype=torch.uint8),
        "whole": torch.tensor([2**62, -1]),
        "half": torch.tensor([0.1], dtype=torch.bfloat16),
        "korean 마스크": "여자",
        "bool": torch.tensor([True, False]),
    }
    checkpoint.save(tmp_path, "last", 1, given_values)
    assert same(given_values, checkpoint.load(tmp_path, "last"))


def test_tuples_come_back_as_lists(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, "last", 1, {"betas": (0.9, 0.999)})
    assert checkpoint.load(tmp_path, "last") == {"betas": [0.9, 0.999]}


def test_tensors_that_share_memory_or_are_not_contiguous_come_back_equal(tmp_path: Path) -> None:
    weight = torch.arange(24.0).view(2, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    tied = {"a": weight, "b": weight, "part": weight[:, 1], "turned": weight.transpose(0, 1)}
    checkpoint.save(tmp_path, "last", 1, tied)
    assert same(tied, checkpoint.load(tmp_path, "last"))


def test_keys_and_texts_that_look_like_places_of_tensors_stay_apart(tmp_path: Path) -> None:
    tricky = {
        "a/b": torch.zeros(1),
        "a": {"b": torch.ones(1)},
        1: torch.full((1,), 2.0),
        "1": torch.full((1,), 3.0),
        "text": "tensor:/a/b",
        "tensor": "tensor",
        "pairs": [["tensor", 1]],
        "": torch.full((1,), 4.0),
    }
    checkpoint.save(tmp_path, "last", 1, tricky)
    assert same(tricky, checkpoint.load(tmp_path, "last"))


numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
tensors = st.builds(
    lambda shape, dtype, seed: torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(seed)).to(
        dtype
    ),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from([torch.float32, torch.float16, torch.int64, torch.bool, torch.uint8]),
    st.integers(0, 99),
)
trees = st.recursive(
    st.none() | st.booleans() | numbers | texts | tensors,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.integers(0, 9), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.dictionaries(texts | st.integers(0, 9), trees, max_size=4))
def test_any_tree_of_values_comes_back_as_it_was(tree: dict[Any, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), "last", 1, tree)
        assert same(tree, checkpoint.load(Path(folder), "last"))


def test_what_a_checkpoint_can_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="can't hold set at /a/0"):
        checkpoint.save(tmp_path, "last", 1, {"a": [{1, 2}]})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("mask", [0x01, 0xFF])
def test_a_flipped_bit_anywhere_never_gives_other_values(two: Path, suffix: str, mask: int) -> None:
    path = two / f"last-0000002.{suffix}"
    whole = path.read_bytes()
    damaged = 0
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= mask
        path.write_bytes(flipped)
        found = checkpoint.load(two, "last")
        assert found is not None
        # A blank between JSON's words may become another blank; everything else is damage.
        assert same(found, values(found["step"]))
        damaged += found["step"] == 1
    if suffix == "safetensors" or mask == 0xFF:
        assert damaged == len(whole)
    else:
        assert damaged > len(whole) / 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_or_lost_file_gives_the_older_generation_and_a_warning(
    two: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = two / f"last-0000002.{suffix}"
    whole = path.read_bytes()
    for length in (*range(0, len(whole) - 2, 7), len(whole) - 3):
        path.write_bytes(whole[:length])
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="podium"):
            assert same(checkpoint.load(two, "last"), values(1))
        assert [record.name for record in caplog.records] == ["podium"]
        assert "last-0000002 is damaged" in caplog.text
    path.unlink()
    assert same(checkpoint.load(two, "last"), values(1))


@pytest.mark.parametrize(
    "content", ["[]", "null", "3", '"text"', "{}", '{"digest": "", "values": {}}', "[" * 9]
)
def test_other_json_under_a_manifests_name_gives_the_older_generation(two: Path, content: str) -> None:
    (two / "last-0000002.json").write_text(content, encoding="utf-8")
    assert same(checkpoint.load(two, "last"), values(1))


def test_two_damaged_generations_give_none(two: Path, caplog: pytest.LogCaptureFixture) -> None:
    for path in two.glob("*.safetensors"):
        path.write_bytes(b"")
    assert checkpoint.load(two, "last") is None
    assert "last-0000002 is damaged" in caplog.text
    assert "last-0000001 is damaged" in caplog.text


def test_no_folder_and_no_file_give_none(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "nothing", "last") is None
    assert checkpoint.load(tmp_path, "last") is None


def test_two_generations_of_each_name_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 30, 400):
        checkpoint.save(tmp_path, "last", step, values(step))
    checkpoint.save(tmp_path, "best", 2, values(2))
    kept = {
        f"{stem}.{suffix}" for stem in ("last-0000030", "last-0000400", "best-0000002") for suffix in SUFFIXES
    }
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert same(checkpoint.load(tmp_path, "last"), values(400))


def test_what_killed_processes_left_behind_is_removed(two: Path) -> None:
    for name in (".last-0000002.json.4711.tmp", "last-0000000.safetensors"):
        (two / name).write_bytes(b"half")
    checkpoint.save(two, "last", 3, values(3))
    assert {path.stem for path in two.iterdir()} == {"last-0000002", "last-0000003"}


def test_saving_a_step_again_keeps_the_first_until_the_second_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, "last", 5, values(5))
    with monkeypatch.context() as patch:
        patch.setattr("train.checkpoint.write_json", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            checkpoint.save(tmp_path, "last", 5, values(6))
    assert same(checkpoint.load(tmp_path, "last"), values(5))
    checkpoint.save(tmp_path, "last", 5, values(6))
    assert same(checkpoint.load(tmp_path, "last"), values(6))
    checkpoint.save(tmp_path, "last", 7, values(7))
    assert same(checkpoint.load(tmp_path, "last"), values(7))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused_and_nothing_is_written(two: Path, bad: float) -> None:
    before = {path: path.read_bytes() for path in two.iterdir()}
    for broken in ({"weight": torch.tensor([1.0, bad])}, {"history": [{"loss": bad}]}):
        for step in (2, 3):
            with pytest.raises(ResumableStop, match="no checkpoint is written"):
                checkpoint.save(two, "last", step, broken)
    assert {path: path.read_bytes() for path in two.iterdir()} == before


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.mkdir, (self.made,)


def test_a_pickle_under_a_checkpoints_name_is_not_executed(two: Path, tmp_path_factory: Any) -> None:
    made = tmp_path_factory.mktemp("outside") / "made by the file"
    payload = pickle.dumps(Trap(made))
    data, manifest = two / "last-0000003.safetensors", two / "last-0000003.json"
    data.write_bytes(payload)
    body = {"values": {"pairs": [["a", {"tensor": "0/a"}]]}, "file": checkpoint._facts(data)}
    manifest.write_text(json.dumps(body | {"digest": digest_of(body)}), encoding="utf-8")
    assert same(checkpoint.load(two, "last"), values(2))  # although the manifest vouches for it
    manifest.write_bytes(payload)
    assert same(checkpoint.load(two, "last"), values(2))
    assert not made.exists()


def test_a_stray_tensors_file_without_a_manifest_is_no_checkpoint(two: Path) -> None:
    save_file({"0/weight": torch.zeros(3)}, two / "last-0000009.safetensors")
    assert same(checkpoint.load(two, "last"), values(2))


SAVES = """
import sys, torch
from pathlib import Path
from train import checkpoint
torch.set_num_threads(1)
folder, step = Path(sys.argv[1]), int(sys.argv[2])
while True:
    step += 1
    checkpoint.save(folder, "last", step // 2, {"weight": torch.full((300, 300), float(step)), "step": step})
    print(step, flush=True)
"""


def test_a_process_killed_while_it_saves_always_leaves_its_last_checkpoint(tmp_path: Path) -> None:
    chance, step = random.Random(5), 0
    for _ in range(4):
        process = python_process(tmp_path, "-c", SAVES, str(tmp_path / "saved"), str(step))
        saves = chance.randrange(2, 12)  # each step number is saved twice
        assert wait_for(lambda: len(process.printed().splitlines()) >= saves)  # noqa: B023
        for _ in range(chance.randrange(200_000)):  # some moment within the next save
            pass
        process.kill()
        out, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors
        step = max(int(line) for line in out.splitlines())
        found = checkpoint.load(tmp_path / "saved", "last")
        assert found is not None
        assert found["step"] in (step, step + 1)  # what it had acknowledged, or the one it was about to
        assert torch.equal(found["weight"], torch.full((300, 300), float(found["step"])))
        step = found["step"]


@pytest.mark.parametrize(
    "forged",
    [{"tensor": "not there"}, {"pairs": 3}, {"pairs": [[1]]}, [1, 2], 5, {"pairs": [["a", {"x": 1}]]}],
)
def test_a_forged_manifest_with_a_right_digest_gives_the_older_generation(two: Path, forged: Any) -> None:
    path = two / "last-0000002.json"
    body = json.loads(path.read_text(encoding="utf-8")) | {"values": forged}
    del body["digest"]
    path.write_text(json.dumps(body | {"digest": digest_of(body)}), encoding="utf-8")
    assert same(checkpoint.load(two, "last"), values(1))


def test_every_type_comes_back_from_the_librarys_own_reader(tmp_path: Path) -> None:
    for number, dtype in enumerate(tensors_file._TYPES):
        tensor = torch.arange(6).reshape(2, 3).to(dtype)
        path = tmp_path / f"{number}.safetensors"
        write_pieces(path, partial(pieces_of, {"a": tensor, "b": torch.ones(1, dtype=torch.uint8)}))
        assert torch.equal(load_file(path)["a"].view(torch.uint8), tensor.view(torch.uint8)), dtype


def test_the_digest_is_made_while_writing_and_the_file_read_once(two: Path, monkeypatch: Any) -> None:
    reads, real = [], checkpoint.sha256_of
    monkeypatch.setattr(checkpoint, "sha256_of", lambda path: reads.append(path) or real(path))
    checkpoint.save(two, "last", 3, values(3))
    assert reads == [two / "last-0000003.safetensors"]


def test_tensors_are_written_from_where_they_lie(tmp_path: Path) -> None:
    tensor = torch.zeros(1000)
    *_, piece = pieces_of({"a": tensor})
    tensor.fill_(1)
    assert bytes(piece) == tensor.numpy().tobytes()


def test_a_disk_that_changes_what_it_was_given_is_noticed_at_once(two: Path, monkeypatch: Any) -> None:
    real = os.replace

    def replaced(self: Path, path: Path) -> None:
        if path.suffix == ".safetensors":
            data = bytearray(self.read_bytes())
            data[-1] ^= 1
            self.write_bytes(data)
        real(self, path)

    monkeypatch.setattr(Path, "replace", replaced)
    with pytest.raises(WriteFailed, match="does not read as it was written"):
        checkpoint.save(two, "last", 3, values(3))
    assert same(checkpoint.load(two, "last"), values(2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_one_bad_number_among_many_tensors_is_named(dtype: torch.dtype, bad: float) -> None:
    tensors = {str(number): torch.full((4, 5), 60000.0, dtype=dtype) for number in range(5)}
    tensors |= {"empty": torch.zeros(0, dtype=dtype), "whole": torch.tensor([2**60])}
    assert checkpoint._not_finite(tensors) is None
    tensors["3"][2, 1] = bad
    assert checkpoint._not_finite(tensors) == "3"
