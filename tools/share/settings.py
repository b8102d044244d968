"""The section [share] of a config."""

from dataclasses import dataclass

from experiment.section import SECTIONS, Section


@SECTIONS.register
@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSettings(Section):
    """--mode push and --mode pull."""

    section = "share"
    is_here = True

    url: str | None = None  # where weights are kept: a folder, or a bucket such as s3://team/weights
