"""The members of an ensemble: what several finished runs said of the same images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dataset.readers.base import whose
from dataset.tasks.base import Choices, Task
from experiment.run_folder import find_run
from experiment.saved_run import SavedRun, Tables, shared
from inference.saved import validated_file
from inference.scores_file import read_scores
from tools.ensemble.methods.base import MemberProbabilities, Truth, logits_of, one_of
from utils.durable import sha256_of
from utils.errors import ConfigError
from utils.shortened import listing

JoinSpaces = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Pool:
    """Runs in the order of their paths, with the images that all of them validated in that of their ids.

    So neither the order of the runs nor that of the images in any file changes a result.
    """

    runs: tuple[SavedRun, ...]  # with these images only
    sizes: tuple[int, ...]  # how many images each of them validated
    members: MemberProbabilities
    truth: Truth

    @classmethod
    def read(cls, folders: Sequence[Path], overrides: Sequence[str]) -> "Pool":
        """Return the members of these folders.

        Args:
            overrides: texts such as ``paths.data=...``.

        Raises:
            ConfigError: the runs answer different questions, or validated no image together.
            DataError: what one of them predicted can't be read.
        """
        tables = Tables()
        runs = [SavedRun.read(folder, overrides, tables) for folder in sorted(folders)]

        joinings, task = common_form([(str(run.folder), run.task) for run in runs])
        sizes = tuple(len(run.validated.ids) for run in runs)
        together = shared(runs)
        ids = sorted(together[0].validated.ids)
        together = [run.only(ids) for run in together]

        probabilities = [
            join(run.validated.probabilities) for join, run in zip(joinings, together, strict=True)
        ]
        members = stacked(probabilities, task)
        truth = Truth(task, joinings[0](together[0].targets), together[0].validated.groups)
        return cls(tuple(together), sizes, members, truth)

    @property
    def ids(self) -> tuple[str, ...]:
        """The images, in order."""
        return self.runs[0].validated.ids

    @property
    def whose(self) -> str:
        """What the groups of images are called: people, groups, or images where each is its own."""
        return whose(self.truth.groups, self.runs[0].dataset.group_words)[1]

    @property
    def folds(self) -> list[tuple[str, ...]]:
        """For each member the fold in which it validated each image."""
        return [run.validated.folds for run in self.runs]

    def answers(self, number: int) -> Choices:
        """Return what one member chooses."""
        task = self.truth.task
        return task.decide(logits_of(task, one_of(self.members, number)))

    def leaks(self) -> list[Any]:
        """Return the leaks of members, whose weights had seen who validates: their scores say nothing."""
        leaks: list[Any] = []
        for run in self.runs:
            marks = read_scores(run.folder).get("leak", [])
            for mark in marks.values() if isinstance(marks, dict) else [marks]:  # of folds: one for each
                leaks += mark
        return leaks

    def digests(self) -> list[str]:
        """Return a digest of the file that each member was read from."""
        return [sha256_of(validated_file(run.folder)) for run in self.runs]


def stacked(members: Sequence[Mapping[str, Tensor]], task: Task) -> dict[str, Tensor]:
    """Return the probabilities of all members (M, N, K) by space of those of each (N, K)."""
    return {space.name: torch.stack([member[space.name] for member in members]) for space in task.spaces}


def common_form(named: Sequence[tuple[str, Task]]) -> tuple[list[JoinSpaces], Task]:
    """Return what brings each run's probabilities into the same label spaces, and a task that has these.

    Runs with the same spaces stay as they are; otherwise all are joined to the one space that the
    competition scores: the probability of a class is the product of those of its parts.

    Raises:
        ConfigError: some have nothing in common.
    """
    tasks = [task for _, task in named]
    if all(_labels(task) == _labels(tasks[0]) for task in tasks):
        return [dict] * len(tasks), tasks[0]
    joined = [(name, task.joined) for name, task in named]
    first = next((task for _, task in joined if task is not None), None)
    apart = [first is None or whole is None or _labels(whole) != _labels(first) for _, whole in joined]
    if first is None or any(apart):
        raise ConfigError(
            "These runs answer different questions, so nothing can be made of them together:\n"
            + "\n".join(f"  - {name} answers {_asked(task)}" for name, task in named)
            + "\nName runs of the same [task], with the same labels."
        )
    return [task.join for task in tasks], first


def _asked(task: Task) -> str:
    """Return the questions of a task with their labels, in words."""
    return "; ".join(
        f"{space.name} (a number)" if space.numeric else f"{space.name} ({listing(space.labels)})"
        for space in task.spaces
    )


def _labels(task: Task) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(space.name, space.kind, space.labels) for space in task.spaces]


def find_members(runs: Path, name: str, wanted: Sequence[str]) -> list[Path]:
    """Return the folders of finished runs, each of them named as ``find_run`` says.

    Raises:
        ConfigError: one is not there or not finished, or is there twice.
    """
    folders = [find_run(runs, name, which, finished=True) for which in wanted]
    paths = [folder.resolve() for folder in folders]
    twice = sorted({str(folder) for folder in folders if paths.count(folder.resolve()) > 1})
    if twice:
        raise ConfigError(f"A run can be a member once: {', '.join(twice)}")
    return folders
