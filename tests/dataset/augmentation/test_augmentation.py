"""What every augmentation promises, and what the colours, the noise and the moves really are."""

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from dataset.augmentation.base import AUGMENTATIONS, Augmentation, Augmenter, Chance
from dataset.augmentation.colour import brightness, contrast, grey, saturation
from dataset.batches import centre_crop
from utils.registry import Component
from utils.seeds import torch_generator

SIZE = (12, 10)
LARGER = (16, 14)
NAMES = AUGMENTATIONS.names()
NOT_RANDOM = {"BaseAugmentation", "ProgressiveResizing"}
SHRINKS = {"ProgressiveResizing"}  # makes images smaller than the model's size
# What has to do with targets mixes the images of a batch with one another, and not in every batch.
MIXES = {name for name in NAMES if AUGMENTATIONS.get(name).__call__ is not Augmentation.__call__}
OPTIONS = {name: {"probability": 1} for name in MIXES if "probability" in AUGMENTATIONS.schema(name)}
OPTIONS["CutMixWithinClass"]["space"] = "age"
OPTIONS["GridMask"] = {"rise": 0}  # else it begins with nothing
MILD = {
    "AugMix",
    "CustomAugmentation",
    "RandAugment",
    "TrainAugmentation",
    "TrivialAugment",
}  # little is moved
MANY = 32  # images, of which a class that changes some only surely changes one
STILL = {"flip": 0, "shift": 0, "scale": 0, "degrees": 0, "light": 0}


def build(name, size=SIZE, **options):
    component = Component.of(name, **OPTIONS.get(name, {}) | options)
    return AUGMENTATIONS.build(component, size=size, epochs=10, heads={"age": 3})


MOVES = {name for name in NAMES if build(name).moves}


def chance(*keys):
    return Chance(torch_generator("test", *keys))


class Highest(Chance):
    """A chance whose uniform numbers are all the highest possible: what a move does is then known."""

    def uniform(self, low, high, *shape):
        return torch.full(shape, float(high))


def smooth(count=2, size=LARGER, seed=0):
    """Return smooth float images, on which an interpolation's details do not matter."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)


def stored(count=4, size=LARGER):
    return (smooth(count, size) * 255).round().to(torch.uint8)


def targets(count=4):
    return {"age": torch.eye(3).repeat(MANY, 1)[:count]}


def run(name, images, *, seed=1, epoch=0, batch=0, **options):
    augmenter = Augmenter([build(name, **options)], size=SIZE, seed=seed)
    return augmenter(images, targets(len(images)), epoch=epoch, batch=batch, time=epoch + batch / 10)


def test_the_three_augmentations_of_the_mask_teams_are_there():
    assert {"BaseAugmentation", "CustomAugmentation", "TrainAugmentation"} <= set(NAMES)


@pytest.mark.parametrize("size", [SIZE, LARGER], ids=["as large", "with room"])
@pytest.mark.parametrize("name", NAMES)
def test_what_comes_out_has_the_models_size_and_lies_in_0_to_1(name, size):
    images = stored(size=size)
    before = images.clone()
    found, labels = run(name, images)
    assert found.shape[:2] == (4, 3)
    assert (found.shape[2:] == SIZE) is (name not in SHRINKS)
    assert all(side <= most for side, most in zip(found.shape[2:], SIZE, strict=True))
    assert found.dtype == torch.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert labels["age"].shape == (4, 3)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", NAMES)
def test_each_class_keeps_its_own_promise_on_floats(name):
    images = torch.rand(4, 3, *SIZE).round()  # only 0 and 1: whatever leaves the range shows
    before, true = images.clone(), targets()
    found, labels = build(name)(images, true, chance(0))
    assert (found.shape == images.shape) is (name not in SHRINKS)
    assert found.min() >= 0
    assert found.max() <= 1
    assert torch.isfinite(found).all()
    assert torch.equal(images, before)  # not changed in place
    assert torch.equal(true["age"], targets()["age"])
    assert torch.allclose(labels["age"].sum(1), torch.ones(4))


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_depend_on_seed_epoch_and_batch_and_on_nothing_else(name):
    first, _ = run(name, stored(MANY), seed=1, epoch=2, batch=3)
    torch.rand(5)
    assert torch.equal(run(name, stored(MANY), seed=1, epoch=2, batch=3)[0], first)
    for other in ({"batch": 4}, {"epoch": 3}, {"seed": 2}):
        changed, _ = run(name, stored(MANY), **{"seed": 1, "epoch": 2, "batch": 3} | other)
        assert torch.equal(changed, first) is (name in NOT_RANDOM), other


@pytest.mark.parametrize("name", sorted(set(NAMES) - MIXES))  # what is mixed with its like may stay as it is
def test_each_image_of_a_batch_has_its_own_randomness(name):
    images = stored(1).repeat(MANY, 1, 1, 1)
    found, _ = run(name, images)
    assert torch.equal(found, found[:1].expand_as(found)) is (name in NOT_RANDOM)


@pytest.mark.parametrize("name", sorted(set(NAMES) - MIXES - (MOVES - MILD)))  # a mix is half another picture
def test_the_defaults_leave_the_picture_recognisable(name):
    # trap: noise of std 1.0, a published baseline's default, drowns the picture
    images = smooth(8, SIZE)
    found = build(name, **({"flip": 0} if name == "TrainAugmentation" else {})).images(images, chance(1))
    before = torch.nn.functional.interpolate(images, found.shape[2:], mode="bilinear", antialias=True)
    pairs = [torch.stack([b.flatten(), f.flatten()]) for b, f in zip(before, found, strict=True)]
    assert torch.stack([torch.corrcoef(pair)[0, 1] for pair in pairs]).mean() > 0.7


def test_no_augmentation_is_the_centre_of_the_stored_image():
    found, _ = run("BaseAugmentation", stored())
    assert torch.equal(found, centre_crop(stored().float() / 255, SIZE))


def test_a_chain_applies_one_after_the_other():
    chain = [
        build("TrainAugmentation", **STILL | {"flip": 1}),
        build("TrainAugmentation", **STILL | {"flip": 1}),
    ]
    found, _ = Augmenter(chain, size=SIZE, seed=0)(stored(), targets(), epoch=0, batch=0, time=0.0)
    assert torch.allclose(found, centre_crop(stored().float() / 255, SIZE), atol=1e-5)


@pytest.mark.parametrize("size", [SIZE, LARGER], ids=["as large", "with room"])
def test_zero_strength_is_what_evaluation_sees(size):
    images = smooth(3, size)
    found = build("TrainAugmentation", **STILL).images(images, chance(0))
    assert torch.allclose(found, centre_crop(images, SIZE), atol=1e-5)


@pytest.mark.parametrize("size", [SIZE, LARGER], ids=["as large", "with room"])
def test_a_certain_flip_mirrors_left_and_right(size):
    images = smooth(3, size)
    found = build("TrainAugmentation", **STILL | {"flip": 1}).images(images, chance(0))
    assert torch.allclose(found, centre_crop(images, SIZE).flip(3), atol=1e-5)


def test_a_flip_happens_as_often_as_asked():
    images = smooth(1, SIZE).repeat(400, 1, 1, 1)
    found = build("TrainAugmentation", **STILL | {"flip": 0.25}).images(images, chance(0))
    flipped = (found - images.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-4
    kept = (found - images).abs().amax(dim=(1, 2, 3)) < 1e-4
    assert (flipped ^ kept).all()  # and never up and down
    assert 65 < flipped.sum() < 135  # 100 +- 4 standard deviations


def interior(images, margin=4):
    return images[..., margin:-margin, margin:-margin]


@pytest.mark.parametrize(("size", "degrees"), [((40, 30), 10.0), ((30, 40), 25.0), ((32, 32), 3.0)])
def test_a_rotation_keeps_its_angle_on_images_that_are_not_square(size, degrees):
    images = smooth(1, size)
    turned = build("TrainAugmentation", size=size, **STILL | {"degrees": degrees}).images(
        images, Highest(torch.Generator())
    )
    expected = {
        sign: tv.affine(images, sign * degrees, [0, 0], 1.0, [0.0], InterpolationMode.BILINEAR)
        for sign in (1, -1)
    }
    errors = {sign: interior(turned - image, 9).abs().max() for sign, image in expected.items()}
    assert min(errors.values()) < 0.01  # exactly that angle, one way round ...
    assert max(errors.values()) > 0.03  # ... and not the other


def test_a_rotation_goes_both_ways():
    images = smooth(1, (32, 32)).repeat(50, 1, 1, 1)
    augmentation = build("TrainAugmentation", size=(32, 32), **STILL | {"degrees": 20})
    turned = augmentation.images(images, chance(0))
    right = tv.affine(images[:1], 10, [0, 0], 1.0, [0.0], InterpolationMode.BILINEAR)
    left = tv.affine(images[:1], -10, [0, 0], 1.0, [0.0], InterpolationMode.BILINEAR)
    nearer_left = [
        bool(interior(t - left, 9).abs().sum() < interior(t - right, 9).abs().sum()) for t in turned.split(1)
    ]
    assert 10 < sum(nearer_left) < 40


def test_scale_and_shift_are_as_large_as_asked():
    images = smooth(1, (40, 40))
    changed = build("TrainAugmentation", size=(40, 40), **STILL | {"scale": 0.25}).images(
        images, Highest(torch.Generator())
    )
    expected = tv.affine(images, 0, [0, 0], 1 / 1.25, [0.0], InterpolationMode.BILINEAR)
    assert interior(changed - expected, 8).abs().max() < 0.01
    moved = build("TrainAugmentation", size=(40, 40), **STILL | {"shift": 0.1}).images(
        images, Highest(torch.Generator())
    )
    assert torch.allclose(moved[..., :-4, :-4], images[..., 4:, 4:], atol=1e-4)  # a tenth of 40


def test_with_room_a_move_brings_in_what_lies_beyond_the_frame():
    images = smooth(1, (24, 20))
    augmentation = build("TrainAugmentation", size=(20, 20), **STILL | {"shift": 0.1})
    moved = augmentation.images(images, Highest(torch.Generator()))
    assert torch.allclose(moved[..., :18], images[:, :, 4:24, 2:20], atol=1e-4)


FACTORS = torch.tensor([0.0, 0.4, 1.0, 1.7])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (brightness, tv.adjust_brightness),
        (contrast, tv.adjust_contrast),
        (saturation, tv.adjust_saturation),
    ],
    ids=["brightness", "contrast", "saturation"],
)
def test_colour_changes_are_torchvisions_with_a_factor_for_each_image(ours, theirs):
    images = torch.rand(4, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    found = ours(images, FACTORS)
    for image, factor, changed in zip(images, FACTORS, found, strict=True):
        # torchvision rounds the weights of red, green and blue to four digits
        assert torch.allclose(changed, theirs(image, factor.item()), atol=1e-3)
    assert torch.allclose(found[2], images[2], atol=1e-6)


def test_grey_is_the_luma_of_red_green_and_blue():
    images = torch.eye(3).view(1, 3, 3, 1)
    assert grey(images)[0, 0, :, 0].tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_noise_has_the_standard_deviation_asked_for_at_most():
    images = torch.full((400, 3, 16, 16), 0.5)
    found = build("CustomAugmentation", jitter=0, noise=0.05).images(images, chance(0))
    deviations = (found - 0.5).std(dim=(1, 2, 3))
    assert deviations.max() <= 0.05 * 1.1
    assert deviations.mean() == pytest.approx(0.025, abs=0.003)  # uniform between 0 and 0.05
    assert (found - 0.5).mean() == pytest.approx(0, abs=0.001)
    assert deviations.min() < 0.005


def test_jitter_moves_the_light_by_at_most_its_strength():
    images = torch.full((300, 3, 4, 4), 0.5)
    found = build("CustomAugmentation", jitter=0.2, noise=0).images(images, chance(0))
    factors = found.mean(dim=(1, 2, 3)) / 0.5  # contrast and saturation leave an even grey alone
    assert 0.8 <= factors.min() < 0.85
    assert 1.15 < factors.max() <= 1.2
    assert factors.mean() == pytest.approx(1, abs=0.03)


def test_custom_without_strength_is_the_identity():
    images = torch.rand(2, 3, *SIZE)
    found = build("CustomAugmentation", jitter=0, noise=0).images(images, chance(0))
    assert torch.allclose(found, images, atol=1e-6)


def test_training_progress_reaches_the_augmentations():
    seen = []

    class Spy:
        def __call__(self, images, targets, chance):
            seen.append(chance.epoch)
            return images, targets

    augmenter = Augmenter([Spy()], size=SIZE, seed=0)
    augmenter(stored(), targets(), epoch=3, batch=5, time=3.5)
    assert seen == [3.5]


def test_chance_stays_within_its_bounds():
    drawn = chance(0).uniform(-2, 3, 1000)
    assert -2 <= drawn.min() < -1.9
    assert 2.9 < drawn.max() < 3
    assert chance(0).normal(20, 50).std() == pytest.approx(1, abs=0.1)
