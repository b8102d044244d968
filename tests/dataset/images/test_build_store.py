"""The store is built by chunks of neighbours."""

from itertools import chain

import pytest

from dataset.images.open_images import open_images
from dataset.images.pixel_files import PixelFile
from dataset.images.prepare import Prepare


@pytest.mark.parametrize(("size", "most"), [((16, 12), 16), ((1024, 512), 2), ((2048, 1024), 1)])
def test_a_thread_keeps_few_images_where_they_are_large(mask_folder, tmp_path, monkeypatch, size, most):
    folder, chunks, write = mask_folder(3), [], PixelFile.write
    files = tuple(sorted(file.relative_to(folder.root).as_posix() for file in folder.images.rglob("*.*")))[
        :17
    ]

    def noted(self, images):
        chunks.append(list(images))
        write(self, images)

    monkeypatch.setattr(PixelFile, "write", noted)
    open_images(folder.root, files, Prepare(size), tmp_path, budget=1, what="test")
    assert max(map(len, chunks)) == most
    assert sorted(chain.from_iterable(chunks)) == list(range(17))
