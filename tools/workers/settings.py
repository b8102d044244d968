"""The section [workers] of a config."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from experiment.section import SECTIONS, Section
from tools.workers.starter import PROCESSES, STARTERS, StarterName
from utils.convert import Few


@SECTIONS.register
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersSettings(Section):
    """How many members of a run over folds, or trials of a sweep, are trained at a time, and where.

    A run keeps the threads, on which its bits depend, and not how many workers there were.
    """

    section = "workers"
    named: ClassVar = {"starter": STARTERS}

    count: Literal["auto"] | Few = 1  # auto: one a GPU, on a CPU what trains fastest here; on a cluster all
    per_gpu: Few = 1  # workers that share a GPU: 2 to 4 for small nets
    threads: Literal["auto"] | Few = (
        "auto"  # of each member on a CPU; auto: the cores, dealt out to the workers
    )
    starter: StarterName = PROCESSES  # processes of this machine; slurm: jobs; ray: tasks of a cluster
