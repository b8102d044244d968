"""The section [review] of a config."""

from dataclasses import dataclass

from experiment.section import SECTIONS, Section
from utils.convert import Count, Few, Side


@SECTIONS.register
@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings(Section):
    """--mode review."""

    section = "review"
    is_here = True

    most: Count = 100  # suspected labels on the sheet, of each label space
    mistakes: Few = 8  # of each label, in the report
    height: Side = 128  # of the pictures on both pages, pixels
