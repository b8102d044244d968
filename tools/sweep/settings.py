"""The section [sweep] of a config; [sweep.space] beside it says what is tried."""

from dataclasses import dataclass
from typing import Literal

from experiment.section import SECTIONS, Section
from utils.convert import Count, CountOrZero
from utils.duration import Duration


@SECTIONS.register
@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings(Section):
    """--mode sweep."""

    section = "sweep"
    free = ("sweep.space",)

    trials: Count = 40  # finished or pruned ones
    time_limit: Duration | None = None  # of a process of the sweep: no trial begins after it
    prune: Literal["median", "halving", "no"] = "median"  # halving: successive halving
    repeat: CountOrZero = 3  # of the best trials, with other seeds: the winner of many is lucky
    seeds: Count = 2  # with which each of these is repeated
