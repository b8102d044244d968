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

    trials: Count = 40  # finished, pruned or refused ones
    folds: Literal["all"] | tuple[CountOrZero, ...] | None = (
        None  # of each trial, which is pruned by the first; none: [dataset] valid_fold alone
    )
    time_limit: Duration | None = None  # of the whole command, which ends in time with what is finished
    prune: Literal["median", "halving", "no"] = "median"  # halving: successive halving
    repeat: CountOrZero = 3  # of the best trials, with other seeds: the winner of many is lucky
    seeds: Count = 2  # with which each of these is repeated
    storage: str = "auto"  # of the study; auto: a journal beside the trials; postgresql://user@host/base
