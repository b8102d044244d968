"""What a model is asked before it trains, and what its norms say of batches that are too small."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from models.columns import columns_of, with_blank
from utils.errors import ConfigError


def check_outputs(model: nn.Module, heads: Mapping[str, int], image_size: tuple[int, int]) -> None:
    """Run two blank images through ``model`` and compare the outputs' widths with ``heads``.

    Raises:
        ValueError: the model can't take this image size, or its outputs are not what the task needs.
    """
    if getattr(heads, "columns", ()) and columns_of(model) is None:
        raise ValueError(
            "sees images alone, but [dataset] features are to be seen as well: leave them out, or make it a "
            "Classifier (models/base.py)"
        )

    training = model.training
    model.eval()
    device = next(model.parameters()).device

    try:
        blank = torch.zeros(2, 3, *image_size, dtype=torch.uint8, device=device)
        with torch.no_grad():
            logits = model(*with_blank(model, blank))
    except (RuntimeError, AssertionError, ValueError) as error:
        height, width = image_size
        raise ValueError(f"can't take images of {height} x {width} pixels: {error}") from error
    finally:
        model.train(training)

    got = {name: tuple(value.shape) for name, value in logits.items()}
    want = {name: (2, labels) for name, labels in heads.items()}
    if got != want:
        raise ValueError(f"gives logits of shapes {got} for two images; the task needs {want}")


@contextmanager
def explain_small_batches() -> Iterator[None]:
    """Say what to do where a norm in training has one number to normalise, which is 0 whatever it was.

    Raises:
        ConfigError: that is so: one image, of which the last map has one place.
    """
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ConfigError(
            "A batch norm of [model] can't be trained with one image in a batch whose map has shrunk to one "
            "place: there is nothing to take a deviation of "
            f"({str(error).partition('got ')[2] or error}). [train] batch_size = 2 or more helps, and more "
            "training images where there is only one; or larger images in [images] size."
        ) from error
