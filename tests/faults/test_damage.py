import json
import random
from pathlib import Path

import pytest

from tests.faults.damage import kinds
from utils.durable import write_json

FILES = {
    "scores.json": b'{"best_epoch": 1, "scores": {"f1": 0.25}}\n',
    "rows.csv": b"id,label\n1,cat\n2,dog\n",
    "pixels.u8": bytes(range(1, 200)),
}


@pytest.mark.parametrize("name", FILES)
def test_each_kind_of_damage_damages(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    for kind, change in kinds(path).items():
        changed = change(FILES[name], random.Random(kind))
        assert changed != FILES[name], kind
        assert changed == change(FILES[name], random.Random(kind)), kind


def test_each_value_of_a_json_file_is_replaced_by_one_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_bytes(FILES["scores.json"])
    own = [kind for kind in kinds(path) if kind.startswith(("best_epoch:", "scores:"))]
    assert own == ["best_epoch: null", "scores: a list"]


def test_a_value_is_also_replaced_under_a_digest_that_fits(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_json(path, {"shape": [1, 2]})
    data = path.read_bytes()
    if b"digest" not in data:
        data = b'{"shape": [1, 2], "digest": ""}'
        path.write_bytes(data)
    changed = json.loads(kinds(path)["shape: null, and a digest that fits"](data, random.Random(1)))
    assert changed["shape"] is None
    assert len(changed["digest"]) == 64
