"""How different the members of an ensemble are: only members that are wrong about other images help."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]  # (M, M)


def disagreement(answers: Sequence[NDArray[np.bool_]]) -> Matrix:
    """Return the share of images in [0, 1] that two members answer differently.

    Args:
        answers: of each member which labels it gave each image (N, K).
    """
    return np.array([[float((one != other).any(axis=1).mean()) for other in answers] for one in answers])


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
