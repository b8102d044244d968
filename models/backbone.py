"""Backbones by timm's names, with weights from the hub, from a file, or none."""

import urllib.error
import urllib.request
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import huggingface_hub
import timm
from safetensors import SafetensorError
from torch import nn

from utils.errors import ConfigError, closest, unknown_name

_PATIENCE = 5.0  # seconds to find out whether the hub can be reached
# What timm raises for a file that holds no weights or another model's, and for an option that an
# architecture does not have.
_REFUSALS = (
    OSError,
    RuntimeError,
    ValueError,
    AssertionError,
    TypeError,
    KeyError,
    EOFError,
    UnpicklingError,
    SafetensorError,
)


def create_backbone(
    name: str, image_size: tuple[int, int], pretrained: bool | Path, **options: Any
) -> nn.Module:
    """Return a timm model without its classifier: images (N, 3, H, W) to features (N, F).

    Args:
        name: ``architecture`` or ``architecture.tag``; the tag says which weights.
        pretrained: true for the hub's weights, a file's path for those, false for random ones.
        options: further arguments of the architecture, such as ``drop_path_rate``.

    Raises:
        ConfigError: the name, the file or the weights can't be had; says what to do instead.
    """
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        near = closest(architecture, timm.list_models())
        hint = f" Did you mean {near!r}?" if near else ""
        raise ConfigError(
            f"timm has no backbone {name!r}.{hint} All of them: "
            "python -c 'import timm; print(timm.list_models())'"
        )
    fixed = _has_fixed_size(name)
    if fixed:
        options["img_size"] = image_size
    if isinstance(pretrained, Path):
        if not pretrained.is_file():
            raise ConfigError(f"pretrained = {pretrained}: there is no such file.")
        options["pretrained_cfg_overlay"] = {"file": str(pretrained)}
    elif pretrained:
        _check_hub(name)
    try:
        backbone: nn.Module = timm.create_model(name, pretrained=bool(pretrained), num_classes=0, **options)
    except _REFUSALS as error:
        what = f"weights for {name}" if pretrained else f"backbone {name}"
        raise ConfigError(f"The {what} can't be made: {type(error).__name__}: {error}") from error
    if fixed:
        _check_patches(backbone, name, image_size)
    return backbone


def weights_config(name: str) -> Any:
    """Return timm's description of a backbone's weights: mean, std, where they are.

    Raises:
        ConfigError: the architecture has no weights of that tag.
    """
    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError:
        valid = timm.list_pretrained(f"{name.partition('.')[0]}.*")
        raise ConfigError(unknown_name("backbone", name, valid)) from None


def _has_fixed_size(name: str) -> bool:
    """Tell whether the architecture must know its image size when it is built (ViT, Swin, ...)."""
    config = weights_config(name)
    return bool(config is not None and config.fixed_input_size)


def _check_patches(backbone: nn.Module, name: str, image_size: tuple[int, int]) -> None:
    """Refuse a size that patches don't cover: timm would leave the right and lower border out."""
    patches = getattr(getattr(backbone, "patch_embed", None), "proj", None)
    if not isinstance(patches, nn.Conv2d) or patches.kernel_size != patches.stride:
        return
    if any(side % patch for side, patch in zip(image_size, patches.kernel_size, strict=True)):
        height, width = patches.kernel_size
        raise ConfigError(
            f"{name} cuts images into patches: [images] size = {image_size[0]}, {image_size[1]} must be "
            f"multiples of {height}, {width}."
        )


def _check_hub(name: str) -> None:
    """Raise at once where the hub's client would retry for minutes."""
    config = weights_config(name)
    repo = config.hf_hub_id if config is not None else None
    if config is None or not (config.has_weights or repo):
        raise ConfigError(f"timm has no weights for {name!r}. Set pretrained = false, or another tag.")
    if repo and isinstance(huggingface_hub.try_to_load_from_cache(repo, "model.safetensors"), str):
        return
    if not _reachable(huggingface_hub.constants.ENDPOINT):
        raise ConfigError(
            f"The weights of {name!r} are not on this machine and the model hub can't be reached. "
            "Run once where there is a network, or set pretrained = PATH to a file of weights "
            "(.safetensors or .pth), or pretrained = false to train from scratch."
        )


def _reachable(address: str) -> bool:
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    try:
        urllib.request.urlopen(address, timeout=_PATIENCE).close()
    except urllib.error.HTTPError:
        return True  # it answered
    except OSError:
        return False
    return True
