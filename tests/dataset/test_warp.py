"""Affine moves of whole batches, against torch's own grid."""

import pytest
import torch
import torch.nn.functional as F

from dataset.warp import warp


@pytest.mark.parametrize("size", [(12, 9), (5, 17), (1, 1)])
def test_each_image_moves_by_its_own_map(size):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 3, 12, 9, generator=generator)
    maps = torch.randn(6, 2, 3, generator=generator)
    grid = F.affine_grid(maps, [6, 3, *size], align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    torch.testing.assert_close(warp(images, maps, size), expected, atol=1e-5, rtol=0)


def test_the_identity_changes_nothing():
    images = torch.rand(2, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    same = torch.eye(2, 3).expand(2, 2, 3)
    torch.testing.assert_close(warp(images, same, (12, 9)), images, atol=1e-6, rtol=0)
