"""A batch as it is trained on, with what a table says of its images."""

import numpy as np
import pytest
import torch

from dataset.augmentation.base import Augmenter
from dataset.augmentation.cut_mix import CutMix
from dataset.augmentation.cut_mix_within_class import CutMixWithinClass
from dataset.augmentation.half_cut_mix import HalfCutMix
from dataset.augmentation.mix_up import MixUp
from dataset.batches import Batch, EvalBatches
from dataset.images.featured import with_features
from train.augmented import augmented

CPU, SIZE = torch.device("cpu"), (8, 8)
TARGETS = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1]])
# What is mixed shows in the columns as in the targets: the same two numbers, a hundred times as large.
FEATURES = torch.cat([100 * TARGETS, torch.ones(6, 1)], dim=1)
IMAGES = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 3, *SIZE).contiguous()
MIXING = [
    MixUp(size=SIZE, probability=1),
    CutMix(size=SIZE, probability=1),
    HalfCutMix(size=SIZE, probability=1),
    CutMixWithinClass(size=SIZE, probability=1, heads={"kind": 2}, space="kind"),
]


def batch(features=FEATURES) -> Batch:
    return Batch(IMAGES, {"kind": TARGETS}, np.arange(6), features=features)


@pytest.mark.parametrize("mixing", MIXING, ids=lambda mixing: type(mixing).__name__)
def test_what_a_table_says_is_mixed_as_the_images_are(mixing) -> None:
    inputs, targets = augmented(batch(), Augmenter([mixing], size=SIZE, seed=3), CPU)
    images, features = inputs
    assert features[:, :2].numpy() == pytest.approx(100 * targets["kind"].numpy(), abs=1e-4)
    assert features[:, 2].tolist() == pytest.approx([1.0] * 6)
    if not isinstance(mixing, CutMixWithinClass):
        assert not features.equal(FEATURES)
    alone, same = augmented(batch(None), Augmenter([mixing], size=SIZE, seed=3), CPU)
    assert len(alone) == 1
    assert alone[0].equal(images)
    assert same["kind"].equal(targets["kind"])


def test_batches_of_evaluation_have_the_rows_of_their_images() -> None:
    class Source:
        bad, missed, remarks = {}, [], {}

        def __len__(self) -> int:
            return 6

        def batch(self, rows, *, pinned=False):
            return IMAGES[torch.from_numpy(rows)]

    rows = np.array([5, 0, 3])
    seen = EvalBatches(with_features(Source(), FEATURES), rows, batch_size=2, size=None)
    first, second = seen
    assert torch.cat([first.features, second.features]).equal(FEATURES[[5, 0, 3]])
    assert [len(part) for part in first.inputs(CPU)] == [2, 2]
    (alone, _) = EvalBatches(Source(), rows, batch_size=2, size=None)
    assert alone.features is None
    assert len(alone.inputs(CPU)) == 1
    with pytest.raises(ValueError, match="5 rows of features for 6 images"):
        with_features(Source(), FEATURES[:5])
