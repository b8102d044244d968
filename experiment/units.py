"""The units in which a run learns numbers: mean and spread of what it is trained on."""

from collections.abc import Sequence

from torch import nn

from dataset.readers.base import TrainingTable
from dataset.tasks.number import Unit
from dataset.tasks.spaces import Space
from models.units import set_units

UnitBySpace = dict[str, Unit]  # by space


def trained_units(spaces: Sequence[Space], table: TrainingTable) -> UnitBySpace:
    """Return mean and spread by space, of those that are numbers.

    Raises:
        DataError: no training image has a number.
    """
    units = {space.name: space.units(table.targets[space.name][table.rows]) for space in spaces}
    return {name: unit for name, unit in units.items() if unit is not None}


def learn_in_units(model: nn.Module, spaces: Sequence[Space], table: TrainingTable) -> UnitBySpace:
    """Give a model the units of what it is trained on, and return them."""
    units = trained_units(spaces, table)
    set_units(model, units)
    return units
