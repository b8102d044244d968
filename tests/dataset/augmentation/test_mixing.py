"""Mixed images and mixed targets say the same, in the batches that the schedule allows."""

import numpy as np
import pytest
import torch

from dataset.augmentation.base import AUGMENTATIONS, Augmenter, Chance
from dataset.batches import centre_crop
from utils.errors import ConfigError
from utils.registry import Component
from utils.seeds import torch_generator

SIZE = (12, 10)
COUNT = 24
HEADS = {"mask": 3, "age": 4, "tags": 5}
OPTIONS = {"CutMixWithinClass": {"space": "mask"}}
MIXES = ["CutMix", "CutMixWithinClass", "HalfCutMix", "MixUp"]


def build(name, size=SIZE, **options):
    component = Component.of(name, **{"probability": 1, **OPTIONS.get(name, {}), **options})
    return AUGMENTATIONS.build(component, size=size, epochs=10, heads=HEADS)


def chance(*keys, epoch=0.0):
    return Chance(torch_generator("test", *keys), epoch)


def numbered(count=COUNT, size=SIZE):
    """Return images of one colour each, from which a pixel's owner can be read: i / count."""
    return (torch.arange(count) / count).view(-1, 1, 1, 1).expand(count, 3, *size).clone()


def labelled(count=COUNT):
    """Return targets of two "one of" spaces and of an "any of" space."""
    generator = torch.Generator().manual_seed(5)
    mask, age = (torch.randint(k, (count,), generator=generator) for k in (3, 4))
    tags = torch.randint(2, (count, 5), generator=generator).float()
    return {"mask": torch.eye(3)[mask], "age": torch.eye(4)[age], "tags": tags}


def own_targets(count=COUNT):
    """Return targets that tell who is in a mix and with which share."""
    return labelled(count) | {"who": torch.eye(count)}


def partners(who):
    """Return each image's partner and its own share from mixed ``own_targets``."""
    share = who.diagonal()
    others = who - torch.diag(share)
    return others.argmax(dim=1), share


def test_the_four_ways_to_mix_are_there():
    assert set(MIXES) <= set(AUGMENTATIONS.names())


@pytest.mark.parametrize("name", MIXES)
def test_targets_of_every_space_are_mixed_in_the_same_proportion(name):
    before = own_targets()
    _, after = build(name)(numbered(), before, chance(1))
    who = after["who"]
    assert torch.allclose(who.sum(1), torch.ones(COUNT))
    assert (who > 0).sum(1).max() == 2  # never more than two images
    for space, values in before.items():
        torch.testing.assert_close(after[space], who @ values)


@pytest.mark.parametrize("name", MIXES)
def test_the_sums_of_targets_stay_what_they_were(name):
    _, after = build(name)(numbered(), labelled(), chance(2))
    for space in ("mask", "age"):
        torch.testing.assert_close(after[space].sum(1), torch.ones(COUNT))
        assert after[space].min() >= 0


@pytest.mark.parametrize("name", MIXES)
def test_the_part_of_an_image_that_is_not_labelled_is_missing_from_the_sum(name):
    before = own_targets()
    before["age"][::2] = 0
    _, after = build(name)(numbered(), before, chance(3))
    known = torch.ones(COUNT)
    known[::2] = 0
    torch.testing.assert_close(after["age"].sum(1), after["who"] @ known)
    torch.testing.assert_close(after["mask"].sum(1), torch.ones(COUNT))  # labelled all the same


# Trap "CutMix needs lambda recomputed from the clipped box; in-place paste on a shared tensor".
@pytest.mark.parametrize("name", ["CutMix", "CutMixWithinClass"])
def test_the_share_of_the_targets_is_exactly_that_of_the_pixels(name):
    images = numbered()
    mixed, after = build(name)(images, own_targets(), chance(4))
    partner, share = partners(after["who"])
    seen = 0
    for i in range(COUNT):
        own, other = mixed[i] == images[i], mixed[i] == images[partner[i]]
        assert (own | other).all()
        pasted = ~own[0]
        assert torch.equal(pasted.expand(3, *SIZE), ~own)
        if not pasted.any():
            continue
        seen += 1
        assert float(1 - share[i]) == pytest.approx(float(pasted.float().mean()), abs=1e-7)
        assert share[i] == own[0].float().mean()  # to the last bit
        rows, columns = pasted.any(1), pasted.any(0)
        assert torch.equal(pasted, rows[:, None] & columns[None, :])
    assert seen > COUNT / 3


@pytest.mark.parametrize("name", MIXES)
def test_nothing_is_changed_in_place(name):
    images, before = numbered(), labelled()
    copies = images.clone(), {space: values.clone() for space, values in before.items()}
    build(name)(images, before, chance(5))
    assert torch.equal(images, copies[0])
    assert all(torch.equal(before[space], values) for space, values in copies[1].items())


@pytest.mark.parametrize("name", MIXES)
def test_the_same_seed_epoch_and_batch_give_the_same_bits(name):
    def run(seed=1, epoch=2, batch=3):
        images = (torch.rand(COUNT, 3, *SIZE, generator=torch.Generator().manual_seed(0)) * 255).byte()
        augmenter = Augmenter([build(name)], size=SIZE, seed=seed)
        return augmenter(images, own_targets(), epoch=epoch, batch=batch, time=epoch + batch / 9)

    first = run()
    torch.rand(3)
    again = run()
    assert torch.equal(first[0], again[0])
    assert all(torch.equal(values, again[1][space]) for space, values in first[1].items())
    for other in ({"seed": 2}, {"epoch": 3}, {"batch": 4}):
        assert not torch.equal(run(**other)[1]["who"], first[1]["who"])


@pytest.mark.parametrize("name", ["CutMix", "HalfCutMix", "MixUp"])
def test_each_image_gives_once_and_takes_once_from_another(name):
    _, after = build(name, **({} if name == "HalfCutMix" else {"alpha": 50}))(
        numbered(), own_targets(), chance(6)
    )
    partner, share = partners(after["who"])
    assert (share < 1).all()
    assert sorted(partner.tolist()) == list(range(COUNT))
    assert (partner != torch.arange(COUNT)).all()


def test_pairs_differ_from_batch_to_batch():
    mixing, found = build("HalfCutMix"), set()
    for batch in range(20):
        partner, _ = partners(mixing(numbered(), own_targets(), chance(batch))[1]["who"])
        found.add(tuple(partner.tolist()))
    assert len(found) == 20


@pytest.mark.parametrize("name", MIXES)
def test_a_batch_of_one_image_stays_as_it_is(name):
    targets = {space: values[:1] for space, values in labelled().items()}
    image = torch.rand(1, 3, *SIZE)
    mixed, after = build(name)(image, targets, chance(7))
    if name != "HalfCutMix":  # which joins it with its own mirror image
        assert torch.equal(mixed, image)
    assert all(torch.equal(after[space], values) for space, values in targets.items())


@pytest.mark.parametrize("name", MIXES)
def test_only_what_the_model_sees_is_mixed(name):
    # else the border that is cut off later would count in the targets
    larger = numbered(size=(20, 16))
    mixed, after = build(name)(larger, own_targets(), chance(8))
    same, same_after = build(name)(centre_crop(larger, SIZE), own_targets(), chance(8))
    assert torch.equal(mixed, same)
    assert torch.equal(after["who"], same_after["who"])


def test_mix_up_is_the_weighted_mean_of_two_images():
    images = torch.rand(COUNT, 3, *SIZE)
    mixed, after = build("MixUp", alpha=0.8)(images, own_targets(), chance(9))
    expected = torch.einsum("ij,jchw->ichw", after["who"], images)
    torch.testing.assert_close(mixed, expected)
    assert after["who"].diagonal().unique().numel() == COUNT  # each pair has its own share


@pytest.mark.parametrize("alpha", [0.05, 0.4, 1.0, 3.0])
def test_shares_come_from_the_beta_distribution(alpha):
    drawn = chance(10).beta(alpha, 20_000)
    assert drawn.dtype == torch.float32
    assert torch.isfinite(drawn).all()
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    expected = np.random.default_rng(0).beta(alpha, alpha, 20_000)
    for part in (0.01, 0.1, 0.3, 0.5, 0.8):
        assert float((drawn < part).float().mean()) == pytest.approx((expected < part).mean(), abs=0.02)


def published_share(rng, height, width, alpha):
    """Return the share after clipping, as the authors' program computes it."""
    cut = np.sqrt(1 - rng.beta(alpha, alpha))
    half_height, half_width = int(height * cut) // 2, int(width * cut) // 2
    y, x = rng.integers(height), rng.integers(width)
    top, bottom = np.clip([y - half_height, y + half_height], 0, height)
    left, right = np.clip([x - half_width, x + half_width], 0, width)
    return 1 - (bottom - top) * (right - left) / (height * width)


@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_cut_mix_covers_as_much_as_the_authors_program(alpha):
    size = (96, 72)
    images = torch.zeros(1, 3, *size).expand(2000, -1, -1, -1)  # 2000 images in the space of one
    shares = build("CutMix", size=size, alpha=alpha).kept(images, chance(11)).mean(dim=(1, 2, 3)).numpy()
    rng = np.random.default_rng(0)
    expected = np.array([published_share(rng, *size, alpha) for _ in range(4000)])
    assert shares.mean() == pytest.approx(expected.mean(), abs=0.025)
    for quarter in (0.25, 0.5, 0.75):
        assert np.quantile(shares, quarter) == pytest.approx(np.quantile(expected, quarter), abs=0.05)


def test_boxes_are_cut_off_at_the_border_and_may_be_anywhere():
    images = numbered(size=(40, 30))
    mixed, _ = build("CutMix", size=(40, 30))(images, own_targets(), chance(12))
    pasted = (mixed != images)[:, 0]
    for edge in (pasted[:, 0], pasted[:, -1], pasted[:, :, 0], pasted[:, :, -1]):
        touched = edge.any(1).float().mean()
        assert 0 < touched < 1


def test_partners_within_a_class_share_its_label_and_the_rest_stay():
    before = own_targets()
    before["mask"] = torch.eye(3)[torch.tensor([0] * 15 + [1] * 6 + [2] + [0] * 2)]
    before["mask"][-2:] = 0  # not labelled: these two are no pair
    images = numbered()
    mixed, after = build("CutMixWithinClass", alpha=50)(images, before, chance(13))
    assert torch.equal(after["mask"], before["mask"])
    who = after["who"]
    assert torch.equal(who[-3:], torch.eye(COUNT)[-3:])
    assert torch.equal(mixed[-3:], images[-3:])
    partner, share = partners(who)
    assert (share[:21] < 1).all()
    assert sorted(partner[:15].tolist()) == list(range(15))
    assert sorted(partner[15:21].tolist()) == list(range(15, 21))


def test_a_class_space_that_there_is_not_is_refused_when_the_run_is_built():
    with pytest.raises(ConfigError, match=r"'maks' is not one of mask, age, tags. Did you mean 'mask'"):
        build("CutMixWithinClass", space="maks")


@pytest.mark.parametrize("half", ["left", "right"])
@pytest.mark.parametrize("width", [10, 11])
def test_half_cut_mix_joins_two_halves_with_half_of_each_target(half, width):
    images = torch.rand(COUNT, 3, 12, width)
    mixed, after = build("HalfCutMix", size=(12, width), half=half)(images, own_targets(), chance(14))
    partner, share = partners(after["who"])
    assert torch.equal(share, torch.full((COUNT,), 0.5))
    middle = width // 2
    other = (images.flip(3) if half == "left" else images)[partner]
    assert torch.equal(mixed[..., :middle], images[..., :middle])
    assert torch.equal(mixed[..., -middle:], other[..., -middle:])
    if width % 2:
        column = (images[..., middle] + other[..., middle]) / 2
        torch.testing.assert_close(mixed[..., middle], column)
    if half == "left":  # nothing of a right half is left
        images[..., -middle:] = 0
        again, _ = build("HalfCutMix", size=(12, width))(images, own_targets(), chance(14))
        assert torch.equal(again[..., :middle], mixed[..., :middle])
        assert torch.equal(again[..., -middle:], mixed[..., -middle:])


@pytest.mark.parametrize("name", MIXES)
def test_the_share_of_mixed_batches_is_the_probability(name):
    mixing = build(name, probability=0.3)
    mixed = [
        bool((mixing(numbered(), own_targets(), chance(i))[1]["who"].diagonal() < 1).any())
        for i in range(400)
    ]
    assert 0.21 < np.mean(mixed) < 0.39  # 4 standard deviations


@pytest.mark.parametrize("name", MIXES)
def test_a_batch_that_is_not_mixed_keeps_its_bits(name):
    images, targets = torch.rand(COUNT, 3, *SIZE), labelled()
    mixing = build(name, probability=1e-9)
    found, after = mixing(images, targets, chance(15))
    assert torch.equal(found, images)
    assert all(torch.equal(after[space], values) for space, values in targets.items())
    assert build(name, probability=0)(images, targets, chance(15))[0] is images


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {0: 0.8, 5.5: 0.8, 1e6: 0.8}),
        ({"from_epoch": 2}, {0: 0, 1.999: 0, 2: 0.8, 9: 0.8}),
        ({"to_epoch": 3.5}, {0: 0.8, 3.499: 0.8, 3.5: 0, 9: 0}),
        ({"from_epoch": 0.5, "to_epoch": 3}, {0.49: 0, 0.5: 0.8, 2.99: 0.8, 3: 0}),
        ({"ramp": 4}, {0: 0, 1: 0.2, 2: 0.4, 4: 0.8, 5: 0.8}),
        ({"from_epoch": 2, "ramp": 0.5}, {1.9: 0, 2: 0, 2.25: 0.4, 2.5: 0.8, 7: 0.8}),
        ({"from_epoch": 1, "to_epoch": 3, "ramp": 4}, {0: 0, 2: 0.2, 2.999: 0.4, 3: 0}),
    ],
    ids=["always", "from", "to", "between", "ramp", "from with a ramp", "a ramp that is cut short"],
)
@pytest.mark.parametrize("name", MIXES)
def test_the_schedule_gives_the_probability_of_each_moment(name, options, expected):
    mixing = build(name, probability=0.8, **options)
    for epoch, probability in expected.items():
        assert mixing.probability_at(epoch) == pytest.approx(probability, abs=1e-3)


# Seed 1: CutMix from the first epoch hurt; switched on later it helped.
@pytest.mark.parametrize("name", MIXES)
def test_the_schedule_is_obeyed_within_an_epoch(name):
    mixing = build(name, from_epoch=1.5, to_epoch=3)
    augmenter = Augmenter([mixing], size=SIZE, seed=0)
    images = (numbered() * 255).byte()
    mixed = [
        (epoch, batch)
        for epoch in range(4)
        for batch in range(4)
        if not torch.equal(
            augmenter(images, own_targets(), epoch=epoch, batch=batch, time=epoch + batch / 4)[1]["who"],
            torch.eye(COUNT),
        )
    ]
    assert mixed == [(1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize("name", MIXES)
def test_a_schedule_that_ends_before_it_begins_is_refused(name):
    with pytest.raises(ConfigError, match="to_epoch = 2 must be above from_epoch = 2"):
        build(name, from_epoch=2, to_epoch=2)


def test_none_means_that_mixing_goes_on_to_the_end():
    assert build("MixUp", to_epoch="none").to_epoch is None


def test_two_ways_to_mix_in_a_chain_are_decided_on_their_own():
    chain = [build("MixUp", probability=0.5), build("HalfCutMix", probability=0.5)]
    augmenter = Augmenter(chain, size=SIZE, seed=0)
    images = (numbered() * 255).byte()
    most = [
        int(
            (augmenter(images, own_targets(), epoch=0, batch=batch, time=batch / 80)[1]["who"] > 0)
            .sum(1)
            .max()
        )
        for batch in range(80)
    ]
    assert {1, 2} < set(most)  # none of them, one of them ...
    assert max(most) > 2  # ... and both
