"""Bytes and floats, however they lie in memory, become what the formula says, bit for bit."""

import pytest
import torch
from torch import Tensor

from models.normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise


def _by_formula(images: Tensor) -> Tensor:
    floats = images if images.is_floating_point() else images.float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (floats - mean) / std


@pytest.mark.parametrize("shape", [(5, 3, 12, 9), (1, 3, 4, 4), (3, 3, 1, 1), (2, 3, 7, 1)])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_has_the_bits_of_the_formula_and_leaves_its_input_alone(
    shape: tuple[int, ...], memory: torch.memory_format, kind: torch.dtype
) -> None:
    numbers = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images = numbers if kind is torch.uint8 else numbers.float() / 255
    images = images.contiguous(memory_format=memory)
    before = images.clone()

    normal = Normalise(IMAGENET_MEAN, IMAGENET_STD)(images)

    assert torch.equal(normal, _by_formula(images))
    assert normal.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)


def test_takes_the_middle_of_larger_images_as_a_view() -> None:
    larger = torch.rand(4, 3, 20, 16, generator=torch.Generator().manual_seed(0))
    middle = larger[..., 3:-3, 2:-2]

    normal = Normalise(IMAGENET_MEAN, IMAGENET_STD)(middle)

    assert torch.equal(normal, _by_formula(middle))


def test_a_gradient_reaches_the_images() -> None:
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)

    Normalise(IMAGENET_MEAN, IMAGENET_STD)(images).sum().backward()

    expected = (1 / torch.tensor(IMAGENET_STD)).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    assert images.grad is not None
    assert torch.allclose(images.grad, expected)
