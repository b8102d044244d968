"""Facts about the drawn demo data: the organiser's layout, the people, and that nothing varies."""

import csv
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from dataset.demo.draw import _draw_person, demo_people, draw_demo_data
from dataset.demo.portrait import PHOTOS, Person

PEOPLE, EVAL_PEOPLE = 24, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("demo") / "data"
    draw_demo_data(target, people=PEOPLE, eval_people=EVAL_PEOPLE)
    return target


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_train_table_has_the_organisers_columns_and_a_row_per_person(folder: Path) -> None:
    rows = rows_of(folder / "train" / "train.csv")
    assert list(rows[0]) == ["id", "gender", "race", "age", "path"]
    assert len(rows) == PEOPLE
    for row in rows:
        assert row["path"] == f"{row['id']}_{row['gender']}_{row['race']}_{row['age']}"
        assert row["gender"] in ("male", "female")
        assert 18 <= int(row["age"]) <= 60


def test_every_person_has_exactly_the_seven_photos(folder: Path) -> None:
    images = folder / "train" / "images"
    paths = {row["path"] for row in rows_of(folder / "train" / "train.csv")}
    assert {person.name for person in images.iterdir()} == paths
    for person in images.iterdir():
        assert sorted(photo.stem for photo in person.iterdir()) == sorted(PHOTOS)


def test_every_extension_occurs_for_at_least_two_people(folder: Path) -> None:
    people = Counter(path.suffix for path in folder.glob("train/images/*/normal.*"))
    assert people[".png"] >= 2
    assert people[".jpeg"] >= 2
    assert people[".jpg"] > PEOPLE / 2


def test_ids_are_text_with_a_suffix_and_a_twin(folder: Path) -> None:
    ids = [row["id"] for row in rows_of(folder / "train" / "train.csv")]
    assert all(re.fullmatch(r"\d{6}(-1)?", id_) for id_ in ids)
    assert "000001" in ids
    assert "000012-1" in ids
    assert sorted(Counter(ids).values())[-2:] == [1, 2]


def test_eval_list_names_every_eval_photo_and_holds_no_answer(folder: Path) -> None:
    rows = rows_of(folder / "eval" / "info.csv")
    names = [row["ImageID"] for row in rows]
    assert {row["ans"] for row in rows} == {"0"}
    assert len(names) == len(PHOTOS) * EVAL_PEOPLE
    assert all(re.fullmatch(r"[0-9a-f]{40}\.jpg", name) for name in names)
    assert names != sorted(names)
    assert sorted(names) == sorted(path.name for path in (folder / "eval" / "images").iterdir())


def test_photos_are_512_high_384_wide_and_in_colour(folder: Path) -> None:
    photos = [*folder.glob("train/images/*/incorrect_mask.*"), *folder.glob("eval/images/*")]
    for photo in photos:
        pixels = cv2.imread(str(photo))
        assert pixels is not None
        assert pixels.shape == (512, 384, 3)
        assert np.ptp(pixels) > 100


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 5)
    draw_demo_data(tmp_path / "again", people=PEOPLE, eval_people=EVAL_PEOPLE)
    assert bytes_of(tmp_path / "again") == bytes_of(folder)


def test_another_seed_gives_other_people_and_other_photos(tmp_path: Path) -> None:
    assert demo_people(20, seed=0) != demo_people(20, seed=1)
    files = [[tmp_path / f"{seed}-{photo}.jpg" for photo in PHOTOS] for seed in range(2)]
    for seed, seven in enumerate(files):  # one person is enough; a whole set takes a second
        _draw_person(Person(1, "female", 60), seven, seed)
    assert len({path.read_bytes() for seven in files for path in seven}) == 14


def test_an_existing_folder_is_left_untouched(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    draw_demo_data(tmp_path / "data")
    assert list(tmp_path.rglob("*")) == [tmp_path / "data"]


def test_a_stale_partial_folder_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / "data.partial" / "train" / "stale.txt"
    stale.parent.mkdir(parents=True)
    stale.touch()
    monkeypatch.setattr("dataset.demo.draw._draw_person", lambda *_: None)
    draw_demo_data(tmp_path / "data", people=20, eval_people=1)
    assert (tmp_path / "data" / "train" / "train.csv").exists()
    assert not (tmp_path / "data.partial").exists()
    assert not (tmp_path / "data" / "train" / "stale.txt").exists()


def test_each_gender_and_age_group_has_people_enough() -> None:
    groups = Counter(
        (person.gender, min(person.age // 30, 1) + (person.age >= 60)) for person in demo_people(60, seed=0)
    )
    assert len(groups) == 6  # times three masks: all 18 classes
    assert min(groups.values()) >= 5


def test_too_few_people_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="people >= 20"):
        draw_demo_data(tmp_path / "data", people=19)
