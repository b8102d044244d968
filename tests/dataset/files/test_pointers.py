"""Images that Git LFS has not fetched are one cause."""

import pytest

from dataset.files.named_files import NamedFiles
from dataset.files.pointers import refuse_pointers
from utils.errors import DataError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n"


def write(folder, contents):
    for number, content in enumerate(contents):
        (folder / f"{number}.png").write_text(content)
    return NamedFiles(folder, [f"{number}.png" for number in range(len(contents))])


def test_nearly_all_images_as_pointers_are_said_once(tmp_path):
    files = write(tmp_path, [POINTER] * 19 + ["an image"])
    with pytest.raises(
        DataError, match=r"19 of 20 images, such as \S*/0.png, are pointers of Git LFS"
    ) as caught:
        refuse_pointers(files)
    assert "git lfs pull" in str(caught.value)


@pytest.mark.parametrize("contents", [["an image"] * 20, [POINTER] * 5 + ["x" * 5000] * 15, ["x", "", "y"]])
def test_images_and_a_few_pointers_are_left_to_who_decodes_them(tmp_path, contents):
    refuse_pointers(write(tmp_path, contents))
