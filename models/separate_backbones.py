"""A backbone of their own for some label spaces, in one run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from models.base import MODELS, Classifier
from models.branches import NO_MEAN, NO_STD, create_branches, load_whole
from models.feature_map import look
from utils.convert import DropRate
from utils.errors import unknown_name


@dataclass(frozen=True, slots=True)
class Assignment:
    """A backbone's name for each group of label spaces; in a config: ``mask+gender: NAME, age: NAME``."""

    groups: tuple[tuple[tuple[str, ...], str], ...]  # (spaces, backbone)

    @classmethod
    def from_text(cls, text: str) -> "Assignment":
        groups: list[tuple[tuple[str, ...], str]] = []
        for part in text.split(","):
            left, _, name = part.partition(":")
            spaces = tuple(space.strip() for space in left.split("+"))
            if not (name.strip() and all(spaces)):
                raise ValueError(
                    f"{part.strip()!r} is not of the form SPACE: BACKBONE or SPACE+SPACE: BACKBONE, such as "
                    "mask+gender: resnet18.a1_in1k"
                )
            groups.append((spaces, name.strip()))
        return cls(tuple(groups))

    def __str__(self) -> str:
        return ", ".join(f"{'+'.join(spaces)}: {name}" for spaces, name in self.groups)

    def check(self, heads: Mapping[str, int]) -> None:
        """Raise ValueError unless each of the task's label spaces is named exactly once."""
        named = [space for spaces, _ in self.groups for space in spaces]
        for space in named:
            if space not in heads:
                raise ValueError(f"backbones: {unknown_name('label space', space, heads)}")
            if named.count(space) > 1:
                raise ValueError(f"backbones: {space} is there twice")
        missing = [space for space in heads if space not in named]
        if missing:
            raise ValueError(f"backbones: none is given for {', '.join(missing)}")


class _Separate(nn.Module):
    """Images (N, 3, H, W) in [0, 1] to what the head of each label space sees of the space's branch."""

    def __init__(self, branches: Mapping[tuple[str, ...], nn.Module]) -> None:

        super().__init__()
        self.spaces = list(branches)
        self.branches = nn.ModuleList(branches.values())
        self.num_features = {
            space: branch.num_features for spaces, branch in branches.items() for space in spaces
        }

    def forward(self, images: Tensor, pooled: Mapping[str, bool]) -> dict[str, Tensor]:
        """Return features (N, F) by space, or tokens (N, T, C) where ``pooled`` is False."""
        features: dict[str, Tensor] = {}
        for spaces, branch in zip(self.spaces, self.branches, strict=True):
            seen = look(branch, images, [pooled[space] for space in spaces])
            features |= {space: seen[pooled[space]] for space in spaces}
        return features


@MODELS.register
class SeparateBackbones(Classifier):
    """Label spaces that share a backbone learn together, the others apart; trained and kept as one model.

    Args:
        backbones: timm's names, as in ``mask+gender: resnet18.a1_in1k, age: efficientnet_b0.ra_in1k``.
        heads: K of each label space.
        image_size: height and width in pixels, the same for all.
        fresh: False when a checkpoint's weights follow, so that none are loaded here.
        pretrained: true (from the hub), false (random) or the path of a file of weights, for all or, with
            commas between them, for each.
        dropout: probability before the heads.
        drop_path: probability of skipping a residual block.
        gradient_checkpointing: less memory for a slower step, with the same gradients.
    """

    def __init__(
        self,
        *,
        backbones: Assignment,
        heads: Mapping[str, int],
        image_size: tuple[int, int],
        fresh: bool = True,
        pretrained: tuple[bool | Path, ...] = (False,),
        dropout: DropRate = 0.0,
        drop_path: DropRate = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        backbones.check(heads)
        spaces, names = zip(*backbones.groups, strict=True)

        branches = create_branches(
            names,
            image_size,
            pretrained,
            fresh=fresh,
            drop_path=drop_path,
            gradient_checkpointing=gradient_checkpointing,
        )

        modules, widths = zip(*branches, strict=True)
        features = {space: width for group, width in zip(spaces, widths, strict=True) for space in group}

        separate = _Separate(dict(zip(spaces, modules, strict=True)))
        if fresh:
            load_whole(separate, names, pretrained)

        super().__init__(separate, features, heads, mean=NO_MEAN, std=NO_STD, dropout=dropout)

    def forward(self, images: Tensor, table: Tensor | None = None) -> dict[str, Tensor]:
        seen = self.backbone(self.normalise(images), self.pooled)
        for name, pooled in self.pooled.items():
            if pooled:
                seen[name] = self.dropout(seen[name])
        return self.logits(seen, table)
