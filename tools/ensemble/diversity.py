"""How different the members of an ensemble are: only members that are wrong about other images help."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dataset.tasks.base import Choices, Targets, Task

Matrix = NDArray[np.float64]  # (M, M)


def alike(task: Task, choices: Sequence[Choices], targets: Targets) -> tuple[Matrix, Matrix]:
    """Return how members disagree about any of a task's label spaces, and how their mistakes go together.

    An image that is not labelled is neither right nor wrong: counted as right, it would make all look alike.
    """
    scored, names = task.scored(targets), [space.name for space in task.spaces]
    answers = [torch.cat([choice[name] > 0 for name in names], dim=1).numpy() for choice in choices]
    wrong = [task.wrong(choice, targets)[scored] for choice in choices]
    return disagreement(answers), correlation(wrong)


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
