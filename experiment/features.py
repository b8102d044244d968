"""The columns of the table that a run's model sees: what they hold, and what its training says of them."""

import logging
from dataclasses import replace

from torch import nn

from dataset.readers.base import DATASETS, TrainingTable
from dataset.readers.features import Features
from experiment.data import prepare_data_folder
from experiment.settings import Settings
from models.columns import columns_of
from utils.ini import Value

log = logging.getLogger("podium")
_KEY = "features"


def features_of(settings: Settings) -> Features | None:
    """Return the columns that [dataset] names; None where the model sees images alone."""
    chosen = settings.chosen["dataset"]
    if _KEY not in chosen.options:
        return None
    features: Features | None = DATASETS.arguments(chosen).get(_KEY)
    return features


def with_found_features(settings: Settings) -> Settings:
    """Return settings that say what these columns hold, as the training table shows it.

    So a run's config has the words, and a model is built and asked without that table.

    Raises:
        DataError: a column is missing, or is not to be understood.
    """
    features, chosen = features_of(settings), settings.chosen["dataset"]
    if features is None or features.known:
        return settings
    prepare_data_folder(settings)
    arguments = DATASETS.arguments(chosen, root=settings.paths.data)
    resolved = features.found_in(DATASETS.get(chosen.name).table_rows(**arguments))

    named = replace(chosen, options={**chosen.options, _KEY: Value(str(resolved), "the training table")})
    return replace(settings, chosen={**settings.chosen, "dataset": named})


def learn_columns(model: nn.Module, table: TrainingTable, features: Features | None) -> None:
    """Give a model mean and scale of the columns among what it is trained on; say which are constant."""
    columns = columns_of(model)
    if columns is None or features is None or table.features is None:
        return
    for number in columns.learn(table.features[table.rows]):
        log.warning(
            "[dataset] features: %r is the same in every image that is trained on: it says nothing.",
            features.names[number],
        )
