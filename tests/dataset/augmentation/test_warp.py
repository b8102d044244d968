"""Affine moves of whole batches, against torch's own grid."""

import cv2
import pytest
import torch
import torch.nn.functional as F

from dataset.augmentation.warp import by_torch, warp

# OpenCV 4 looks pixels up on a grid of 1/32, so each of random pixels may be off by that much of a neighbour.
NEAR = {warp: 1e-5 if cv2.__version__ >= "5" else 0.04, by_torch: 1e-5}


@pytest.mark.parametrize("how", [warp, by_torch])
@pytest.mark.parametrize("size", [(12, 9), (5, 17), (1, 1)])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_each_image_moves_by_its_own_map(how, size, memory):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 3, 12, 9, generator=generator).contiguous(memory_format=memory)
    maps = torch.randn(6, 2, 3, generator=generator)
    grid = F.affine_grid(maps, [6, 3, *size], align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    torch.testing.assert_close(how(images, maps, size), expected, atol=NEAR[how], rtol=0)


@pytest.mark.parametrize("how", [warp, by_torch])
def test_the_identity_changes_nothing(how):
    images = torch.rand(2, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    same = torch.eye(2, 3).expand(2, 2, 3)
    torch.testing.assert_close(how(images, same, (12, 9)), images, atol=1e-6, rtol=0)


def test_any_number_of_threads_gives_the_same_bits():
    generator = torch.Generator().manual_seed(0)
    images, maps = torch.rand(7, 3, 12, 9, generator=generator), torch.randn(7, 2, 3, generator=generator)
    alone = warp(images, maps, (8, 8))
    torch.set_num_threads(3)
    try:
        assert torch.equal(warp(images, maps, (8, 8)), alone)
    finally:
        torch.set_num_threads(1)


def test_what_comes_out_lies_in_channels_last_memory():
    moved = warp(torch.rand(2, 3, 12, 9), torch.eye(2, 3).expand(2, 2, 3), (12, 9))
    assert moved.is_contiguous(memory_format=torch.channels_last)
