"""How different the members of an ensemble are: only members that are wrong about other images help."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.tasks.base import Choices, Targets, Task
from dataset.tasks.spaces import Space

Matrix = NDArray[np.float64]  # (M, M)
OF_LABELS = ("share of images answered differently", "correlation of being wrong")
OF_NUMBERS = ("mean distance of answers, as a share of the truth's spread", "correlation of errors")


def titles(task: Task) -> tuple[str, str]:
    """Return what the two matrices of ``alike`` are, in words."""
    return OF_NUMBERS if _deciding(task).numeric else OF_LABELS


def alike(task: Task, choices: Sequence[Choices], targets: Targets) -> tuple[Matrix, Matrix]:
    """Return how members disagree about any of a task's label spaces, and how their mistakes go together.

    An image that is not labelled is neither right nor wrong: counted as right, it would make all look alike.
    Numbers are hardly ever equal or right: where the deciding question is one, how far its answers are apart,
    and how their errors go together.
    """
    scored, names = task.scored(targets), [space.name for space in task.spaces if not space.numeric]
    if _deciding(task).numeric:
        question = _deciding(task).name
        true, *numbers = (task.as_evidence(marked)[question][scored] for marked in (targets, *choices))
        return distances(numbers, float(true.std())), correlation([answers - true for answers in numbers])

    answers = [torch.cat([choice[name] > 0 for name in names], dim=1).numpy() for choice in choices]
    wrong = [task.wrong(choice, targets)[scored] for choice in choices]
    return disagreement(answers), correlation(wrong)


def _deciding(task: Task) -> Space:
    return task.space_of(list(task.questions)[-1])


def distances(answers: Sequence[NDArray[np.float64]], spread: float) -> Matrix:
    """Return the mean distance of two members' numbers (N) in units of ``spread``; of none, 0."""
    stacked = np.stack(answers)
    apart = [np.abs(member - stacked).mean(axis=1) for member in stacked]
    return np.stack(apart) / (spread or 1.0)


def disagreement(answers: Sequence[NDArray[np.bool_]]) -> Matrix:
    """Return the share of images in [0, 1] that two members answer differently.

    Args:
        answers: of each member which labels it gave each image (N, K).
    """
    return np.array([_shares(member, answers) for member in answers])


def _shares(member: NDArray[np.bool_], answers: Sequence[NDArray[np.bool_]]) -> list[float]:
    return [float((member != other).any(axis=1).mean()) for other in answers]


def correlation(wrong: Sequence[NDArray[np.bool_]]) -> Matrix:
    """Return the correlation in [-1, 1] of being wrong; 0 where a member is never or always wrong.

    Args:
        wrong: of each member which images (N) it has wrong.
    """
    values = np.stack(wrong).astype(np.float64)
    values -= values.mean(axis=1, keepdims=True)
    length = np.sqrt((values**2).sum(axis=1, keepdims=True))
    values = np.divide(values, length, out=np.zeros_like(values), where=length > 0)
    return np.asarray(values @ values.T)
