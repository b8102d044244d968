"""Which kind of store a run's images come from: chosen when it begins, and kept with it.

JPEG of the prepared size has other bits than plain pixels, so a run that would change from one to the other,
because a disk became full, say, would no longer be the run that it was.
"""

from dataclasses import replace
from pathlib import Path

from dataset.images.open_images import StoreKind
from dataset.images.resident import kind_for
from experiment.read_settings import written_settings
from experiment.run_folder import CONFIG
from experiment.settings import Settings
from utils.errors import ConfigError


def keeping(settings: Settings, kind: StoreKind) -> Settings:
    """Return settings with the kind of store that ``[images] store = auto`` came to; others stay."""
    if settings.images.store != "auto":
        return settings
    return replace(settings, images=replace(settings.images, store=kind))


def with_images_of(folder: Path, settings: Settings) -> Settings:
    """Return settings for going on with a run: with ``auto`` its images are of the kind that it began with.

    Raises:
        ConfigError: the settings name another kind.
    """
    began = written_settings(folder / CONFIG).images.store
    # Runs from before there was a choice wrote auto, and had plain pixels.
    kind: StoreKind = "compressed" if began == "compressed" else "plain"
    settings = keeping(settings, kind)
    if kind_for(settings.images.store) != kind:
        raise ConfigError(
            f"[images] store = {settings.images.store}: {folder} began with store = {began}, whose pixels "
            f"are not the same to the last bit. Write store = auto or {kind}, or start a new run."
        )
    return settings
