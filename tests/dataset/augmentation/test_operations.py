"""RandAugment, TrivialAugment, and each of their operations against torchvision's."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from dataset.augmentation import operations
from dataset.augmentation.base import AUGMENTATIONS, Chance
from dataset.augmentation.operations import OPERATIONS, one_of_all
from utils.registry import Component
from utils.seeds import torch_generator

STRENGTHS = (-1.0, -0.4, 0.3, 0.75)
HEIGHT, WIDTH = 60, 44
AFFINE = {"shear_x", "shear_y", "translate_x", "translate_y", "rotate"}


def chance(*keys):
    return Chance(torch_generator("test", *keys))


def smooth(count):
    """Return float images of 8 bits, without edges that an interpolation would show."""
    coarse = torch.rand(count, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    images = F.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)
    return (images * 255).round() / 255


def affine(image, *, angle=0.0, translate=(0, 0), shear=(0.0, 0.0)):
    return tv.affine(
        image, angle, list(translate), 1.0, list(shear), interpolation=InterpolationMode.BILINEAR
    )


def degrees(slope):
    return float(torch.tensor(slope).atan().rad2deg())


THEIRS = {
    "identity": lambda image, s: image,
    "shear_x": lambda image, s: affine(image, shear=(degrees(0.3 * s), 0.0)),
    "shear_y": lambda image, s: affine(image, shear=(0.0, degrees(0.3 * s))),
    "translate_x": lambda image, s: tv.affine(image, 0, [-150 / 331 * s * WIDTH, 0], 1, [0.0],
                                              interpolation=InterpolationMode.BILINEAR),
    "translate_y": lambda image, s: tv.affine(image, 0, [0, -150 / 331 * s * HEIGHT], 1, [0.0],
                                              interpolation=InterpolationMode.BILINEAR),
    "rotate": lambda image, s: affine(image, angle=-30.0 * s),
    "brightness": lambda image, s: tv.adjust_brightness(image, 1 + 0.9 * s),
    "saturation": lambda image, s: tv.adjust_saturation(image, 1 + 0.9 * s),
    "contrast": lambda image, s: tv.adjust_contrast(image, 1 + 0.9 * s),
    "sharpness": lambda image, s: tv.adjust_sharpness(image, 1 + 0.9 * s),
    "posterise": lambda image, s: tv.posterize((image * 255).round().byte(), 8 - round(4 * abs(s))) / 255,
    "solarise": lambda image, s: tv.solarize(image, 1 - abs(s) + 1e-6),
    "autocontrast": lambda image, s: tv.autocontrast(image),
    "equalise": lambda image, s: tv.equalize(image),
}  # fmt: skip


def test_the_operations_are_those_of_the_paper():
    assert {operation.__name__ for operation in OPERATIONS} == THEIRS.keys()
    assert len(OPERATIONS) == 14


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_each_operation_is_torchvisions_with_a_strength_for_each_image(operation):
    name = operation.__name__
    images = smooth(len(STRENGTHS))
    before = images.clone()
    found = operation(images, torch.tensor(STRENGTHS))
    assert torch.equal(images, before)
    assert found.shape == images.shape
    assert found.min() >= 0
    assert found.max() <= 1
    for image, strength, changed in zip(images, STRENGTHS, found, strict=True):
        expected = THEIRS[name](image, strength)
        if name in AFFINE:  # what came in over the border is black there and mirrored here
            inside = THEIRS[name](torch.ones_like(image), strength) > 0.999
            assert 0.3 < inside.float().mean() < 1
            assert (changed - expected)[inside].abs().max() < 0.02
        else:
            assert torch.allclose(changed, expected, atol=2e-3)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_strength_0_changes_nothing(operation):
    found = operation(smooth(2), torch.zeros(2))
    same = torch.allclose(found, smooth(2), atol=1e-4)
    assert same is (operation.__name__ not in {"autocontrast", "equalise"})


def test_posterise_rounds_to_8_bits_first():
    images = torch.rand(2, 3, 9, 9)
    found = operations.posterise(images, torch.zeros(2))
    assert (found - images).abs().max() < 0.501 / 255


@pytest.fixture
def counted(monkeypatch):
    """Replace each operation by one that leaves its own number in the images."""

    def numbered(number):
        return lambda images, strength: torch.full_like(images, number) + strength.view(-1, 1, 1, 1) / 10

    monkeypatch.setattr(operations, "OPERATIONS", tuple(numbered(number) for number in range(14)))


@pytest.mark.usefixtures("counted")
def test_every_operation_is_used_equally_often_on_random_images():
    images, total = torch.zeros(32, 3, 2, 2), torch.zeros(32, 14)
    for batch in range(300):
        used = one_of_all(images, torch.zeros(32), chance(batch))[:, 0, 0, 0].long()
        assert set(torch.bincount(used, minlength=14).tolist()) == {2, 3}  # 32 = 14 * 2 + 4
        total[torch.arange(32), used] += 1
    assert total.sum(0).min() > 640  # of 686 ...
    assert total.sum(0).max() < 730
    assert total.min() > 5  # ... and of 21 for each place in the batch: 4 standard deviations are 18
    assert total.max() < 45


@pytest.mark.usefixtures("counted")
def test_each_image_gets_its_own_strength():
    strengths = torch.arange(20) / 20
    found = one_of_all(torch.zeros(20, 3, 2, 2), strengths, chance(1))[:, 0, 0, 0]
    torch.testing.assert_close((found - found.floor()) * 10, strengths, atol=1e-4, rtol=0)


def build(name, **options):
    return AUGMENTATIONS.build(Component.of(name, **options), size=(HEIGHT, WIDTH), epochs=1, heads={})


@pytest.mark.usefixtures("counted")
def test_trivial_augment_draws_any_strength_to_both_sides():
    found = build("TrivialAugment").images(torch.zeros(2000, 3, 1, 1), chance(2))[:, 0, 0, 0]
    strength = (found - found.round()) * 10
    assert -1 <= strength.min() < -0.99
    assert 0.99 < strength.max() <= 1.0001
    assert strength.mean() == pytest.approx(0, abs=0.06)


@pytest.mark.usefixtures("counted")
def test_rand_augment_uses_one_strength_to_both_sides():
    found = build("RandAugment", operations=1, magnitude=0.7).images(torch.zeros(2000, 3, 1, 1), chance(3))
    strength = (found - found.round())[:, 0, 0, 0] * 10
    assert torch.allclose(strength.abs(), torch.tensor(0.7), atol=1e-4)
    assert 900 < int((strength > 0).sum()) < 1100


def test_rand_augment_applies_as_many_operations_as_asked():
    images = smooth(64)
    spread = [
        float((build("RandAugment", operations=n, magnitude=0.5).images(images, chance(4)) != images)
              .flatten(1).any(1).float().mean())
        for n in (1, 4)
    ]  # fmt: skip
    assert 0.8 < spread[0] < 1  # one of 14 operations does nothing
    assert spread[1] == 1


def test_a_batch_smaller_than_the_number_of_operations_is_fine():
    for count in (1, 5):
        assert build("TrivialAugment").images(smooth(count), chance(5)).shape == (count, 3, HEIGHT, WIDTH)
