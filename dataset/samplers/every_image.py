"""The plain sampler: each image once an epoch, shuffled."""

import numpy as np
from numpy.typing import NDArray

from dataset.samplers.base import SAMPLERS, Sampler
from utils.seeds import numpy_generator


@SAMPLERS.register
class EveryImage(Sampler):
    """Each training image once an epoch, in another order each time."""

    def __init__(self, *, rows: NDArray[np.int64], seed: int) -> None:
        self.rows, self.seed = rows, seed

    def order(self, epoch: int) -> NDArray[np.int64]:
        return numpy_generator("order", self.seed, epoch).permutation(self.rows)

    def __len__(self) -> int:
        return len(self.rows)
