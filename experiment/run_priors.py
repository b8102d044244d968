"""How the labels are spread that a finished run was trained on."""

import logging
from dataclasses import replace
from pathlib import Path

from experiment.assemble import Experiment
from experiment.data import training_table
from inference.priors import Priors, priors_of, read_priors
from utils.errors import ConfigError, DataError

log = logging.getLogger("podium")


def run_priors(experiment: Experiment, folder: Path) -> Priors:
    """Return what the run of a folder wrote; of one that wrote nothing, the spread in the training table.

    Raises:
        ConfigError: there is neither.
    """
    spaces = experiment.task.spaces
    if (written := read_priors(folder, spaces)) is not None:
        return written
    settings = experiment.settings
    try:
        whole = training_table(replace(settings, train=replace(settings.train, final=None)), experiment.task)
    except (ConfigError, DataError) as error:
        raise ConfigError(
            f"[infer] on_bad_image = prior: {folder} has not written how its training labels are spread, and "
            f"they can't be read in the data folder: {error}"
        ) from None
    log.info("%s wrote no priors: those of the whole training table are taken.", folder)
    rows = whole.holding_out(None).train_rows
    return priors_of(spaces, {name: values[rows] for name, values in whole.targets.items()})
