"""A timm model with the weights of the hub or of a file, through the one door for both."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from models.pretrained import check_loaded, load_file_into
from models.weights_file import Tensors

Filter = Callable[..., Tensors]
Load = Callable[..., None]


def create_timm_model(name: str, pretrained: bool | Path, **options: Any) -> nn.Module:
    """Return a timm model without its classifier.

    Args:
        pretrained: true for the hub's weights, a file's path for those, false for random ones.

    Raises:
        ConfigError: the weights are not those of this backbone, or no weights at all.
    """
    import timm  # late, see models/backbone.py

    if pretrained is False:
        return timm.create_model(name, num_classes=0, **options)
    loaded: list[nn.Module] = []

    def instead(original: Load, model: nn.Module, filter_fn: Filter | None = None, **given: Any) -> None:
        loaded.append(model)
        if isinstance(pretrained, Path):
            load_file_into(model, pretrained, name, lambda tensors: _filtered(filter_fn, tensors, model))
            return
        kept: list[Tensors] = []

        def noted(tensors: Tensors, model: nn.Module) -> Tensors:
            kept.append(_filtered(filter_fn, tensors, model))
            return kept[-1]

        original(model, filter_fn=noted, **given)
        if kept:  # a few models read a format of their own, strictly
            check_loaded(model, kept[-1], name)

    with _loading_by(instead):
        created = timm.create_model(name, pretrained=True, num_classes=0, **options)
    if not loaded:
        raise RuntimeError(f"timm made {name} without asking for its weights: see models/timm_loading.py")
    return created


def _filtered(filter_fn: Filter | None, tensors: Tensors, model: nn.Module) -> Tensors:
    """Return tensors by the model's names, in its shapes, as timm's own filter for checkpoints makes them."""
    if filter_fn is None:
        return tensors
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how fast torch resizes tables
        try:
            return filter_fn(tensors, model)
        except TypeError:  # older filters don't ask for the model
            return filter_fn(tensors)


@contextmanager
def _loading_by(instead: Callable[..., None]) -> Iterator[None]:
    """Have timm ask ``instead`` for weights: nobody else is told a model's filter for checkpoints."""
    from timm.models import _builder

    builder: Any = _builder
    original = builder.load_pretrained

    def load(model: nn.Module, pretrained_cfg: Any = None, **given: Any) -> None:
        instead(original, model, pretrained_cfg=pretrained_cfg, **given)

    builder.load_pretrained = load
    try:
        yield
    finally:
        builder.load_pretrained = original
