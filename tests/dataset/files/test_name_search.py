"""The usual repairs of names: the fewest that make nearly all of them those of files."""

import pytest

from dataset.files.name_repair import KINDS, NameRepair, RepairedNames
from dataset.files.name_search import search
from utils.convert import as_text, convert

FILES = [f"{number:05d}.png" for number in range(30)]
DEEP = [f"{'abc'[number % 3]}/{file}" for number, file in enumerate(FILES)]


def cells(form, files=FILES):
    return [form.format(stem=file.rpartition("/")[2][:-4], number=int(file[-9:-4])) for file in files]


@pytest.mark.parametrize(
    ("names", "files", "repairs"),
    [
        (cells("{stem}"), FILES, "ending"),
        (cells("{stem}.jpeg"), FILES, "ending"),
        (cells("{stem}.PNG"), FILES, "ending"),
        (cells("{stem}"), [f[:-3] + ("png", "jpg", "JPG")[i % 3] for i, f in enumerate(FILES)], "ending"),
        (cells("{number}.png"), FILES, "numbers"),
        (cells("00{stem}.png"), FILES, "numbers"),
        (cells("{number}.0"), FILES, "ending, numbers"),
        (cells("{number:.1f}"), [f"{number}.png" for number in range(30)], "ending, numbers"),
        (cells("train/{stem}.png"), FILES, "drop 1"),
        (cells("/kaggle/input/x/train/{stem}.png"), FILES, "drop 4"),
        (cells("x\\y\\{stem}.png"), FILES, "slashes, drop 2"),
        (cells("C:\\data\\{stem}"), FILES, "slashes, drop 2, ending"),
        ([f.replace("/", "\\") for f in DEEP], DEEP, "slashes"),
        (cells("a%20{stem}.png"), [f"a {f}" for f in FILES], "decode"),
        (cells('"{stem}.png"'), FILES, "unquote"),
        (cells('="{stem}.png"'), FILES, "unquote"),
        (cells("b'{stem}.png'"), FILES, "unquote"),
        (cells("PosixPath('{stem}.png')"), FILES, "unquote"),
        (cells("' {stem}.png'"), FILES, "unquote"),
        (cells("a-{stem}.png"), [f"a_{f}" for f in FILES], "separators"),
        (cells("Img {stem}.png"), [f"img {f}" for f in FILES], "case"),
        (cells("{stem}.png"), DEEP, "deeper"),
        (cells("{number}"), DEEP, "ending, numbers, deeper"),
        ([f"{len(f) * i}/{f}" for i, f in enumerate(FILES)], FILES, "drop 1"),
        ([f"{'x/' * (i % 4)}{f}" for i, f in enumerate(FILES)], FILES, "name_only"),
    ],
)
def test_each_is_found(names, files, repairs):
    found = search(names, files)
    assert as_text(found.repairs) == repairs
    assert found.right == len(names)
    again = RepairedNames(files, found.repairs)
    assert len({again.find(name) for name in names}) == len(names)
    assert again.find(found.cell) == found.file


def test_names_that_are_right_already_need_none_and_a_few_missing_files_are_no_matter():
    names = [*FILES[:20], *cells("{stem}.jpg", FILES[20:])]
    assert as_text(search(names, FILES).repairs) == "ending"
    assert search([*cells("{stem}"), "gone"], FILES).right == 30
    assert search(FILES, FILES) is None
    assert search([*FILES[1:], "gone.png"], FILES) is None


def test_a_file_that_another_row_names_is_no_rows_that_lacks_one():
    assert search([*FILES[1:], "00007.jpg"], FILES) is None
    assert search([*FILES[1:], "00000.jpg"], FILES).file == "00000.png"


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (cells("x{stem}"), FILES),
        (["0.png", "1.png"], ["a/0.png", "b/0.png", "a/1.png", "b/1.png"]),  # which of the two?
        ([], FILES),
        (cells("{stem}"), []),
        ([""] * 5, FILES),
    ],
    ids=["other names", "two files for each name", "no name", "no file", "empty"],
)
def test_nothing_is_found_where_nothing_helps(names, files):
    assert search(names, files) is None


def test_a_name_that_two_files_fit_is_no_files():
    names = RepairedNames(["a/0.png", "b/0.png", "1.png"], [NameRepair("deeper")])
    assert names.find("1.png") == "1.png"
    with pytest.raises(ValueError, match=r"'0.png' may be a/0.png or b/0.png"):
        names.find("0.png")
    with pytest.raises(ValueError, match=r"no image for '2.png', with deeper"):
        names.find("2.png")


def test_repairs_are_written_as_they_are_read():
    text = "drop 2, " + ", ".join(kind for kind in KINDS if kind != "drop")
    assert as_text(convert(text, tuple[NameRepair, ...])) == text
    for wrong in ("drop", "drop 0", "drop two", "slash", "case 2"):
        with pytest.raises(ValueError, match="is not one of unquote"):
            convert(wrong, tuple[NameRepair, ...])
    with pytest.raises(ValueError, match="Did you mean 'slashes'"):
        convert("slash", tuple[NameRepair, ...])


@pytest.mark.slow
def test_100_000_names_are_searched_in_seconds():
    files = [f"{number % 50}/img_{number:06d}.jpg" for number in range(100_000)]
    found = search([f"/data/{file[:-4]}.png" for file in files], files)
    assert as_text(found.repairs) == "drop 1, ending"
    assert found.right == 100_000
