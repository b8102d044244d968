"""CutMix between images that share a label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dataset.augmentation.base import AUGMENTATIONS
from dataset.augmentation.cut_mix import CutMix
from dataset.tasks.base import Targets
from dataset.tasks.spaces import check_space


@AUGMENTATIONS.register
@dataclass(frozen=True, kw_only=True)
class CutMixWithinClass(CutMix):
    """CutMix whose pairs have the same labels in ``space``, so that targets there stay as they are.

    With ``space = mask`` no rectangle of a bare chin makes a mask that is worn look as if it were not. An
    image without a partner in its batch, or not labelled in the space, stays as it is.

    Args:
        space: the label space in which the two of a pair are equal.
    """

    heads: Mapping[str, int]
    numbers: Sequence[str] = ()
    space: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_space(self.space, self.heads, self.numbers, "write name = CutMix, which mixes numbers too")

    def may_mix(self, images: Tensor, targets: Targets) -> Tensor:
        labels = targets[self.space]
        equal = (labels[:, None] == labels[None, :]).all(dim=2)
        labelled = (labels > 0).any(dim=1)
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        return equal & labelled | itself
