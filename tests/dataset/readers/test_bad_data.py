"""Bad data is one DataError that lists everything at fault; odd but good data simply works."""

import shutil
import unicodedata

import pytest

from dataset.readers.base import DATASETS
from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.readers.test_dataset import TEST_DATASETS, TestDataset
from dataset.tasks.mask import MaskTask
from utils.errors import DataError
from utils.registry import Component


def dataset(folder, **options):
    return SplitByProfileDataset(root=folder.root, task=MaskTask(), seed=0, folds=2, **options)


def refusal(folder, **options):
    with pytest.raises(DataError) as caught:
        dataset(folder, **options)
    return str(caught.value)


@pytest.fixture
def spoilt(mask_folder):
    """A folder with one of each fault, and three people without any; with what the error must say."""
    folder = mask_folder(15)
    expected = []

    def fault(text, person=None):
        line = "" if person is None else f"train.csv line {person + 2}: "
        expected.append(line + text)

    folder.rows[0]["gender"] = "mail"
    fault("gender 'mail' is not one of 'male', 'female'", 0)
    folder.rows[1]["age"] = "forty"
    fault("age 'forty' is not a whole number", 1)
    shutil.rmtree(folder.folder(2))
    fault(f"there is no folder {folder.folder(2)}", 2)
    folder.photo(3, "mask2").unlink()
    fault(f"{folder.folder(3)} has no mask2", 3)
    (folder.folder(4) / "mask6.jpg").write_bytes(b"x")
    fault(f"{folder.folder(4) / 'mask6.jpg'} is not one of mask1, mask2", 4)
    photo = folder.photo(5, "mask1")
    photo.rename(photo.with_stem("maske1"))
    fault(f"{folder.folder(5) / 'maske1.jpg'} is not one of", 5)
    fault(f"{folder.folder(5)} has no mask1", 5)
    folder.rows[6]["path"] = "../images/" + folder.rows[6]["path"]
    fault("path '../images/000007_male_Asian_29' is not a folder's name inside", 6)
    fault(f"{folder.images / '000007_male_Asian_29'}: no row of the table names this folder")
    secret = folder.root.parent / "secret.jpg"
    secret.write_bytes(b"x")
    folder.photo(7, "normal").unlink()
    (folder.folder(7) / "normal.jpg").symlink_to(secret)
    fault(f"{folder.folder(7) / 'normal.jpg'} is a link that leads out of the data folder, to {secret}", 7)
    fault(f"{folder.folder(7)} has no normal", 7)
    folder.add_photos("nobody_male_Asian_30", 99)
    fault(f"{folder.images / 'nobody_male_Asian_30'}: no row of the table names this folder")
    (folder.folder(8) / "normal.jpeg").write_bytes(b"x")
    fault(f"{folder.folder(8)} has two photos named normal", 8)
    folder.rows[9]["path"] = ""
    fault("path '' is not a folder's name inside", 9)
    fault(f"{folder.images / '000010_female_Asian_30'}: no row of the table names this folder")
    folder.rows[11]["path"] = folder.rows[10]["path"]
    for person in (10, 11):
        fault("path '000011_male_Asian_59' stands in 2 rows", person)
    fault(f"{folder.images / '000012_female_Asian_59'}: no row of the table names this folder")
    folder.write_table()
    return folder, expected


def test_one_error_lists_every_row_and_file_at_fault(spoilt):
    folder, expected = spoilt
    before = folder.listing()
    message = refusal(folder)
    problems = message.splitlines()[1:-1]
    for text in expected:
        assert any(text in problem for problem in problems), text
    assert len(problems) == len(expected)
    assert f"{folder.table} has {len(expected)} problem(s)" in message
    assert "on_bad_row = skip" in message
    assert folder.listing() == before


def test_skip_leaves_out_exactly_the_people_at_fault_and_names_them(spoilt):
    folder, expected = spoilt
    data = dataset(folder, on_bad_row="skip")
    assert sorted(set(data.groups)) == [folder.rows[person]["path"] for person in (12, 13, 14)]
    assert len(data.files) == 21
    for text in expected:
        assert any(text in line for line in data.skipped), text


def test_bad_data_stays_a_data_error_when_built_by_name(spoilt):
    # Its exit code is 3, not the 2 of a wrong config.
    with pytest.raises(DataError) as caught:
        DATASETS.build(
            Component.of("SplitByProfileDataset", folds=2), root=spoilt[0].root, task=MaskTask(), seed=0
        )
    assert caught.value.exit_code == 3


def test_good_data_has_nothing_left_out(mask_folder):
    assert dataset(mask_folder(4)).skipped == ()


def test_two_faults_of_one_row_are_both_told_and_each_fault_once(mask_folder):
    folder = mask_folder(4)
    folder.photo(0, "mask1").unlink()
    folder.rows[0]["gender"] = "?"
    folder.write_table()
    assert "has 2 problem(s)" in refusal(folder)


def test_a_long_list_of_one_kind_is_three_examples_and_the_count_of_all(mask_folder):
    folder = mask_folder(35)
    for number, row in enumerate(folder.rows):
        row["age"] = f"?{number}"
    folder.write_table()
    message = refusal(folder)
    assert "has 35 problem(s)" in message
    assert sum(line.startswith("  - ") for line in message.splitlines()) == 3
    assert "... and 32 more of this kind" in message


def test_a_missing_column_is_named_with_the_nearest(mask_folder):
    folder = mask_folder(4)
    folder.write_table(columns=("id", "gender", "race", "path"))
    assert "no column 'age'" in refusal(folder)
    for row in folder.rows:
        row["Gender"] = row["gender"]
    folder.write_table(columns=("id", "Gender", "race", "age", "path"))
    assert "Did you mean 'Gender'?" in refusal(folder)


@pytest.mark.parametrize("content", ["", "id,gender,race,age,path\n"])
def test_an_empty_table_is_a_data_error(mask_folder, content):
    folder = mask_folder(4)
    folder.table.write_text(content)
    assert str(folder.table) in refusal(folder)


def test_a_wrong_data_folder_says_what_to_check(mask_folder):
    folder = mask_folder(4)
    shutil.rmtree(folder.images)
    assert "Is PODIUM_DATA (or data in [paths]) right?" in refusal(folder)
    shutil.rmtree(folder.root)
    assert "no file" in refusal(folder)


def test_a_person_whose_whole_folder_is_a_link_out_is_refused(mask_folder):
    folder = mask_folder(4)
    outside = folder.root.parent / "outside"
    shutil.move(folder.folder(0), outside)
    folder.folder(0).symlink_to(outside)
    assert "leads out of the data folder" in refusal(folder)


def test_a_data_folder_that_is_itself_a_link_works(mask_folder):
    folder = mask_folder(4)
    link = folder.root.parent / "link"
    link.symlink_to(folder.root)
    folder.root = link
    assert len(dataset(folder).files) == 28


@pytest.mark.parametrize(
    "how", [{"before": "\ufeff"}, {"newline": "\r\n"}, {"pad": "  "}, {"before": "\ufeff", "newline": "\r\n"}]
)
def test_a_bom_crlf_and_spaces_simply_work(mask_folder, how):
    folder = mask_folder(4)
    expected = dataset(folder)
    folder.write_table(**how)
    found = dataset(folder)
    assert found.files == expected.files
    assert all(found.targets[name].equal(expected.targets[name]) for name in expected.targets)


def test_upper_case_extensions_and_photo_names_work(mask_folder):
    folder = mask_folder(4)
    for file in list(folder.folder(0).iterdir()):
        file.rename(file.with_name(file.name.upper()))
    data = dataset(folder)
    assert sum(file.endswith(".JPG") for file in data.files) == 7


def test_upper_case_genders_work(mask_folder):
    folder = mask_folder(4)
    expected = dataset(folder).targets["gender"]
    for row in folder.rows:
        row["gender"] = row["gender"].title()
    folder.write_table()
    assert dataset(folder).targets["gender"].equal(expected)


def test_korean_folder_names_work(mask_folder):
    folder = mask_folder(4)
    folder.folder(0).rename(folder.images / "김철수 남 20")
    folder.rows[0]["path"] = "김철수 남 20"
    folder.write_table()
    assert "김철수 남 20" in dataset(folder).groups


def test_a_korean_name_that_a_mac_decomposed_is_the_same_name(mask_folder):
    composed = unicodedata.normalize("NFC", "김철수 남 20")
    folder = mask_folder(4)
    folder.folder(0).rename(folder.images / unicodedata.normalize("NFD", composed))
    folder.rows[0]["path"] = composed
    folder.write_table()
    assert composed in dataset(folder).groups


def test_dot_files_and_checkpoint_folders_are_not_photos(mask_folder):
    # trap: macOS ._* files and .ipynb_checkpoints sit in the folders
    folder = mask_folder(4)
    (folder.folder(0) / "._normal.jpg").write_bytes(b"x")
    (folder.folder(1) / ".DS_Store").write_bytes(b"x")
    (folder.folder(2) / ".ipynb_checkpoints").mkdir()
    (folder.images / ".ipynb_checkpoints").mkdir()
    (folder.images / "._a").write_bytes(b"x")
    data = dataset(folder)
    assert data.skipped == ()
    assert len(data.files) == 28


def eval_refusal(folder):
    with pytest.raises(DataError) as caught:
        TestDataset(root=folder.root)
    return str(caught.value)


def test_the_eval_list_keeps_its_order_columns_and_ids(mask_folder):
    folder = mask_folder(2, eval_images=4)
    images = TEST_DATASETS.build(Component("TestDataset"), root=folder.root)
    assert images.columns == ("ImageID", "ans")
    assert list(images.ids) == folder.eval_names != sorted(folder.eval_names)
    assert [str(folder.root / file) for file in images.files] == [
        str(folder.root / "eval" / "images" / name) for name in folder.eval_names
    ]


def test_one_error_lists_every_eval_image_at_fault(mask_folder):
    folder = mask_folder(2, eval_images=3)
    one, two, three = folder.eval_names
    (folder.root / "eval" / "secret.jpg").write_bytes(b"x")
    (folder.root / "eval" / "images" / two).unlink()
    absolute = str(folder.root / "eval" / "images" / three)
    folder.write_eval([one, two, "../secret.jpg", "a" * 300 + ".jpg", "x/..", "/etc/passwd"])
    message = eval_refusal(folder)
    assert "has 5 problem(s)" in message
    assert f"info.csv line 3: there is no image {absolute.replace(three, two)}" in message
    assert "info.csv line 4: '../secret.jpg' is not a file inside" in message
    assert "info.csv line 5: there is no image" in message
    assert "'x/..' is not a file inside" in message
    assert "images/etc/passwd" in message  # never the one outside


def test_an_eval_link_that_leads_out_of_the_folder_is_refused(mask_folder):
    folder = mask_folder(2, eval_images=1)
    secret = folder.root.parent / "secret.jpg"
    secret.write_bytes(b"x")
    (folder.root / "eval" / "images" / "link.jpg").symlink_to(secret)
    folder.write_eval(["link.jpg"])
    message = eval_refusal(folder)
    assert f"link.jpg is a link that leads out of the data folder, to {secret}" in message
    assert "set follow_links = yes in [test_dataset]" in message
    assert TestDataset(root=folder.root, follow_links=True).files == ("eval/images/link.jpg",)


@pytest.mark.parametrize("content", ["", "ImageID,ans\n", "ImageID,ans\na\0.jpg,0\n"])
def test_an_eval_list_that_is_no_table_is_a_data_error(mask_folder, content):
    folder = mask_folder(2)
    (folder.root / "eval" / "info.csv").write_text(content)
    assert "info.csv" in eval_refusal(folder)


@pytest.mark.parametrize("ending", [".jpg", ""])
def test_an_eval_list_without_a_header_is_refused_as_its_first_image_would_get_no_answer(mask_folder, ending):
    folder = mask_folder(2, eval_images=4)
    info = folder.root / "eval" / "info.csv"
    header, *lines = info.read_text().splitlines()
    info.write_text("\n".join(line.replace(".jpg", ending) for line in lines))
    assert "its first line names an image" in eval_refusal(folder)

    info.write_text("\n".join([header, *lines]))
    (folder.root / "sample.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=rf"its first line names an image, '{folder.eval_names[0]}'"):
        TestDataset(root=folder.root, template="sample.csv")


def test_a_folder_in_an_eval_images_place_is_called_that(mask_folder):
    folder = mask_folder(2, eval_images=1)
    path = folder.root / "eval" / "images" / folder.eval_names[0]
    path.unlink()
    path.mkdir()
    assert f"line 2: there is no image {path}: it is a folder" in eval_refusal(folder)


def test_eval_bom_crlf_spaces_and_korean_names_work(mask_folder):
    folder = mask_folder(2)
    image = folder.root / "eval" / "images" / folder.eval_names[0]
    image.rename(image.with_name("사진 1.JPG"))
    (folder.root / "eval" / "info.csv").write_bytes("\ufeffImageID, ans\r\n 사진 1.JPG ,0\r\n".encode())
    images = TestDataset(root=folder.root)
    assert (images.header, images.ids) == (("ImageID", " ans"), (" 사진 1.JPG ",))
