"""The section [review] of a config."""

from dataclasses import dataclass

from experiment.section import SECTIONS, Section
from tools.review.confident import RuleName
from utils.convert import Count, Few, Side


@SECTIONS.register
@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings(Section):
    """--mode review."""

    section = "review"
    is_here = True

    most: Count = 100  # suspected labels on the sheet, of each label space
    rule: RuleName = "prune_by_noise_rate"  # which labels are suspected; confident_learning: fewer, surer
    mistakes: Few = 8  # of each label, in the report
    height: Side = 128  # of the pictures on both pages, pixels
