"""A team's corrections change what is trained on and nothing else."""

import numpy as np
import pytest

from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.tasks.mask import MaskTask
from utils.errors import DataError

PEOPLE = [
    ("000001", "male", 20),
    ("000002", "female", 45),
    ("001498-1", "female", 60),
    ("003397", "male", 19),
    ("003397", "male", 20),
    ("000006", "female", 30),
]


@pytest.fixture
def folder(mask_folder):
    return mask_folder(PEOPLE)


@pytest.fixture
def load(folder, tmp_path):
    def load(*rows, task=None, **options):
        path = tmp_path / "relabel.csv"
        path.write_text(
            "profile,field,value,reason\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8"
        )
        relabel = {"relabel": path} if rows else {}
        return SplitByProfileDataset(
            root=folder.root, task=task or MaskTask(), seed=0, folds=2, **relabel, **options
        )

    return load


def answers(data, profile, space):
    """Return what is trained on for a person, by photo."""
    found = MaskTask().answers(data.train_targets)[space]
    rows = [i for i, group in enumerate(data.groups) if group == profile]
    return {data.files[i].rsplit("/", 1)[1].split(".")[0]: int(found[i]) for i in rows}


def test_gender_and_age_are_corrected_by_id_or_by_folder(load):
    data = load("001498-1,gender,male,forum list", "000002_female_Asian_45,age,60,looks older")
    assert set(answers(data, "001498-1_female_Asian_60", "gender").values()) == {0}
    assert set(answers(data, "000002_female_Asian_45", "age").values()) == {2}


def test_corrections_touch_training_targets_of_that_person_only(load, folder):
    # trap: a fix script that walks sorted folders shifts every later person when one is missing
    before, listing = load(), folder.listing()
    data = load("000002,gender,male,wrong", "000002,age,18,wrong")
    assert folder.listing() == listing
    assert data.files == before.files
    assert np.array_equal(data.folds, before.folds)
    others = np.array([not group.startswith("000002") for group in data.groups])
    for space in ("mask", "gender", "age"):
        assert data.targets[space].equal(before.targets[space])
        assert data.train_targets[space][others].equal(before.train_targets[space][others])
    assert not data.train_targets["gender"].equal(before.train_targets["gender"])


def test_swapped_photos_are_swapped_back(load):
    # trap: swapped file names, incorrect_mask against normal
    data = load("000001,normal,incorrect_mask,swapped", "000001,incorrect_mask,normal,swapped")
    found = answers(data, "000001_male_Asian_20", "mask")
    assert (found["normal"], found["incorrect_mask"], found["mask1"]) == (1, 2, 0)
    true = MaskTask().answers(data.targets)["mask"]
    normal = data.files.index("train/images/000001_male_Asian_20/normal.jpg")
    assert true[normal] == 2  # scored as the organiser says


def test_applying_a_file_twice_is_the_same_as_once(load):
    rows = ["000001,gender,female,x", "000001,normal,incorrect_mask,x"]
    once, twice = load(*rows), load(*rows, *rows)
    again = load(*rows)
    for space in ("mask", "gender", "age"):
        assert once.train_targets[space].equal(twice.train_targets[space])
        assert once.train_targets[space].equal(again.train_targets[space])


def test_a_correction_that_is_already_true_changes_nothing(load):
    before, data = load(), load("000001,gender,male,already right")
    assert data.train_targets["gender"].equal(before.train_targets["gender"])


def test_a_corrected_age_goes_through_the_age_policy(load):
    data = load("000001,age,58,x", task=MaskTask(train_age_boundaries=(30, 58)))
    assert set(answers(data, "000001_male_Asian_20", "age").values()) == {2}


def test_every_row_that_can_not_be_applied_is_named_in_one_error(load):
    with pytest.raises(DataError) as caught:
        load(
            "000099,gender,male,no such person",
            "3397,age,30,lost its zeros",
            "003397,age,30,two people have this id",
            "000001,gendr,male,no such field",
            "000002,age,30,x",
            "000002_female_Asian_45,age,31,and yet another",
        )
    message = str(caught.value)
    assert "relabel.csv has 5 problem(s)" in message
    assert "line 2: profile '000099' matches no person" in message
    assert "line 3: profile '3397' matches no person" in message
    assert "line 4: profile '003397' belongs to 003397_male_Asian_19 and 003397_male_Asian_20" in message
    assert "line 5: field 'gendr' is not one of gender, age, mask1" in message
    assert "line 7: 000002_female_Asian_45 age has another value further up" in message


def test_one_of_two_people_with_one_id_is_named_by_folder(load):
    data = load("003397_male_Asian_19,gender,female,x")
    assert set(answers(data, "003397_male_Asian_19", "gender").values()) == {1}
    assert set(answers(data, "003397_male_Asian_20", "gender").values()) == {0}


@pytest.mark.parametrize("row", ["000001,gender,mael,x", "000001,age,old,x", "000001,normal,mask9,x"])
@pytest.mark.parametrize("on_bad_row", ["error", "skip"])
def test_a_corrected_value_that_is_not_allowed_names_the_relabel_file(load, row, on_bad_row):
    with pytest.raises(DataError, match=rf"(?s)relabel\.csv has 1 problem.*'{row.split(',')[2]}'"):
        load(row, on_bad_row=on_bad_row)


def test_a_relabel_file_that_is_missing_or_lacks_a_column_is_a_data_error(load, folder, tmp_path):
    options = {"root": folder.root, "task": MaskTask(), "seed": 0, "folds": 2}
    with pytest.raises(DataError, match="no file"):
        SplitByProfileDataset(relabel=tmp_path / "none.csv", **options)
    (tmp_path / "relabel.csv").write_text("profile,field,value\n1,age,2\n")
    with pytest.raises(DataError, match="no column 'reason'"):
        SplitByProfileDataset(relabel=tmp_path / "relabel.csv", **options)


@pytest.mark.parametrize("key", ["relabel", "fold_table"])
def test_a_file_that_is_not_there_is_told_of_with_its_key_and_the_nearest_name(load, tmp_path, key):
    (tmp_path / "corrections.csv").touch()
    with pytest.raises(
        DataError, match=rf"^\[dataset\] {key}: There is no file .*Did you mean .*corrections.csv"
    ):
        load(**{key: tmp_path / "corections.csv"})
