"""The memory layout of an optimiser's state, which a file does not keep."""

import torch
from torch import Tensor
from torch.optim import Optimizer


def match_memory_format(optimizer: Optimizer) -> None:
    """Give each state tensor its parameter's memory layout, which a file does not keep.

    Otherwise a resumed run would add up the same numbers in another order, and fused optimisers would
    pair the wrong ones.
    """
    for parameter, values in optimizer.state.items():
        if "mu_product" in values:  # NAdam's, which it asks for: on a GPU it would wait, for each weight
            values["mu_product"] = values["mu_product"].cpu()
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
