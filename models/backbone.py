"""Backbones by timm's names, with weights from the hub, from a file, or none.

timm takes seconds to import and not every run has one of its models, so whoever needs it imports it late.
"""

import logging
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError
from torch import nn

from models.backbone_size import check_size
from models.checkpointing import checkpoint_gradients
from models.mirror_padding import mirror_blurs
from models.normalise import IMAGENET_MEAN, IMAGENET_STD
from models.timm_loading import create_timm_model
from utils import garbage
from utils.errors import ConfigError, closest, unknown_name

log = logging.getLogger("podium")

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


@dataclass(frozen=True, slots=True)
class Backbone:
    """A timm model without its classifier: normalised images (N, 3, H, W) to features (N, F).

    Attributes:
        features: F.
        mean: of each colour, in [0, 1], as the weights were trained with.
        std: the same of the deviation.
    """

    module: nn.Module
    features: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def create_backbone(
    name: str,
    image_size: tuple[int, int],
    pretrained: bool | Path = False,
    *,
    drop_path: float = 0.0,
    gradient_checkpointing: bool = False,
) -> Backbone:
    """Return a backbone for images of this height and width.

    Args:
        name: ``architecture`` or ``architecture.tag``; the tag says which weights. Old names work too.
        pretrained: true for the hub's weights, a file's path for those, false for random ones.
        drop_path: probability of skipping a residual block.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them.

    Raises:
        ConfigError: the name, the size, an option or the weights can't be had; says what to do instead.
    """
    name = current_name(name)
    config = weights_config(name)
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    if pretrained is True:
        _check_hub(name)
    if config is not None and config.fixed_input_size:  # ViT, Swin, ...
        check_size(name, image_size, config.input_size[1:])
        options["img_size"] = image_size

    try:
        module: Any = create_timm_model(name, pretrained, **options)
    except ConfigError:
        raise
    except _REFUSALS as error:
        what = f"weights for {name}" if pretrained is True else f"backbone {name}"
        raise ConfigError(f"The {what} can't be made: {type(error).__name__}: {error}") from error

    mirror_blurs(module)
    if gradient_checkpointing:
        checkpoint_gradients(module, name)

    features = int(getattr(module, "head_hidden_size", None) or module.num_features)
    if config is None:
        return Backbone(module, features, IMAGENET_MEAN, IMAGENET_STD)
    return Backbone(module, features, config.mean, config.std)


def current_name(name: str) -> str:
    """Return timm's name of today for a backbone, which a log line says where ``name`` is an old one.

    Raises:
        ConfigError: timm has no backbone of that name, nor ever had.
    """
    garbage.import_large("timm")
    import timm
    from timm.models import get_deprecated_models

    name = _without_source(name)
    renamed = get_deprecated_models()
    current: str | None = renamed.get(name)
    if current is not None:
        log.info("backbone %s is now called %s", name, current)
        return current
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture) or architecture in renamed:
        near = closest(architecture, timm.list_models())
        hint = f" Did you mean {near!r}?" if near else ""
        raise ConfigError(
            f"timm has no backbone {name!r}.{hint} All of them: "
            "python -c 'import timm; print(timm.list_models())'"
        )
    return name


def _without_source(name: str) -> str:
    """Return the name of a model as timm says it, of one as its page on the hub says it.

    Raises:
        ConfigError: it is somebody else's model, or a folder's.
    """
    source, colon, rest = name.partition(":")
    if not colon:
        source, rest = "", name
    owner, slash, model = rest.strip("/").rpartition("/")
    ours = owner.lower() in ("", "timm") and "@" not in model
    if source.lower() in ("", "hf-hub", "hf_hub") and ours:
        return model if colon or slash else name
    raise ConfigError(
        f"backbone = {name}: of the hub's models only those of timm can be named, such as "
        "timm/resnet18.a1_in1k. For weights of others write the name of their architecture, as timm calls "
        "it, and pretrained = PATH of the file with them."
    )


def weights_config(name: str) -> Any:
    """Return timm's description of a backbone's weights: mean, std, where they are.

    Raises:
        ConfigError: the architecture has no weights of that tag.
    """
    import timm

    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError:
        valid = timm.list_pretrained(f"{name.partition('.')[0]}.*")
        raise ConfigError(unknown_name("backbone", name, valid)) from None


def _check_hub(name: str) -> None:
    """Raise at once where the hub's client would retry for minutes."""
    import huggingface_hub

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
    import huggingface_hub

    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    try:
        urllib.request.urlopen(address, timeout=_PATIENCE).close()
    except urllib.error.HTTPError:
        return True  # it answered
    except OSError:
        return False
    return True
