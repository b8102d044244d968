"""What every head does, and which head each label space of a run has."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.columns import width_of
from models.conditionings.base import CONDITIONINGS, Conditioning
from models.links import LINKS, Link
from utils.errors import ConfigError
from utils.registry import Component, Registry


class Head(nn.Module):
    """The last layers for one label space: features (N, F) to logits (N, K); one file in ``models/heads``.

    Attributes:
        pooled: False for a head on tokens (N, T, F), a vector for each place in the image.
        smallest_batch: images that a training batch must have at least.
        scale: the factor between cosine and logit, where logits are cosines; angular losses need it.
    """

    pooled: ClassVar[bool] = True
    smallest_batch: int = 1
    scale: float | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, K)."""
        raise NotImplementedError


class Linked(Head):
    """A head that is asked about grades in another way than by a logit for each: see ``models/links.py``."""

    def __init__(self, head: Head, link: Link) -> None:
        super().__init__()
        self.head, self.link = head, link
        self.smallest_batch = head.smallest_batch

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.link(self.head(features))
        return logits


HEADS: Registry[Head] = Registry(
    "head", "models.heads", runtime=("features", "labels", "label_names", "fresh")
)


class Heads(Mapping[str, int]):
    """K of each label space, and how its head is made.

    Args:
        labels: K by space.
        chosen: the head of a space, for those that don't have the default.
        default: the head of each other space.
        conditioning: how heads depend on one another.
        names: the labels' names by space, for heads that know something of the words.
        fresh: False when a checkpoint's weights follow, so that files of theirs may be missing.
        numbers: the spaces whose answer is a number in the units of the training data.
        columns: of a table that all heads see beside the image: how many words each has, 0 for a number.
    """

    def __init__(
        self,
        labels: Mapping[str, int],
        chosen: Mapping[str, Component] | None = None,
        default: Component | None = None,
        *,
        conditioning: Component | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
        fresh: bool = True,
        numbers: Sequence[str] = (),
        columns: Sequence[int] = (),
    ) -> None:
        self._labels = dict(labels)
        self._chosen = dict(chosen or {})
        self._default = default or Component("Linear")
        self._conditioning = conditioning or Component("Independent")
        self._names = dict(names or {})
        self._fresh = fresh
        self.numbers, self.columns = tuple(numbers), tuple(columns)
        self._links: Mapping[str, str] = {}

    def linked(self, links: Mapping[str, str]) -> "Heads":
        """Return the same with links, by space, for heads that don't answer with a logit for each label."""
        heads = copy.copy(self)
        heads._links = dict(links)
        return heads

    def __getitem__(self, space: str) -> int:
        return self._labels[space]

    def __iter__(self) -> Iterator[str]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)

    def build(
        self, features: int | Mapping[str, int], channels: int | Mapping[str, int] | None = None
    ) -> Conditioning:
        """Return a head for each space, in the order of the spaces, joined as the conditioning says.

        Args:
            features: F of pooled features (N, F), by space where they differ.
            channels: the same of tokens (N, T, F); None where the model can't give them.

        Raises:
            ConfigError: a head needs tokens, which the model can't give or the conditioning can't join.
        """
        widths = {space: self._width(space, features, channels) for space in self}
        return CONDITIONINGS.build(
            self._conditioning, features=widths, labels=self._labels, make_head=self._build
        )

    def pooled(self, space: str) -> bool:
        """Return whether a space's head sees pooled features, not tokens."""
        return HEADS.get(self._component(space).name).pooled

    def scale(self, space: str) -> float | None:
        """Return the factor between cosine and logit of a space's head, None if they are no cosines."""
        if CONDITIONINGS.get(self._conditioning.name).mixes and space != next(iter(self)):
            return None
        return self._blank(space).scale

    def check_batch(self, images: int) -> None:
        """Refuse training batches that are too small for one of the heads.

        Raises:
            ConfigError: names the head and how many images it needs.
        """
        for space in self:
            component, least = self._component(space), self._blank(space).smallest_batch
            if images < least:
                raise ConfigError(
                    f"[{component.section}] {component.name} needs training batches of at least {least} "
                    f"images, not {images}: see [train] batch_size ({component.origin})"
                )

    def _component(self, space: str) -> Component:
        return self._chosen.get(space, self._default)

    def _width(
        self, space: str, features: int | Mapping[str, int], channels: int | Mapping[str, int] | None
    ) -> int:
        wanted = features if self.pooled(space) else channels
        component, joined = self._component(space), self._conditioning
        if not self.pooled(space) and not CONDITIONINGS.get(joined.name).tokens:
            raise ConfigError(
                f"[{joined.section}] {joined.name} joins heads on pooled features, but {component.name}, the "
                f"head of {space}, is on tokens: write name = Independent, or another head ({joined.origin})"
            )
        if wanted is None:
            raise ConfigError(
                f"[{component.section}] {component.name} needs a map of the features at each place of the "
                "image, which this model doesn't have: [model] name = TimmModel, SeparateBackbones, "
                f"SmallResNet, TinyNet and those that are called after one backbone do ({component.origin})"
            )
        return width_of(self.columns) + (wanted[space] if isinstance(wanted, Mapping) else wanted)

    def _blank(self, space: str) -> Head:
        """Return a space's head without weights: no memory is taken and no number drawn."""
        with torch.device("meta"):
            return self._build(space, features=1)

    def _build(self, space: str, features: int) -> Head:
        """Return a space's head: the one place where the width of its last layer is decided."""
        link = LINKS[self._links[space]](self[space]) if space in self._links else None
        width, names = self[space] if link is None else link.width, self._names.get(space, ())
        head = HEADS.build(
            self._component(space),
            features=features,
            labels=width,
            label_names=names[-width:],
            fresh=self._fresh,
        )
        return head if link is None else Linked(head, link)
