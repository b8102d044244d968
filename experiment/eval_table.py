"""Which eval images there are: the table of [test_dataset], with the columns that [dataset] gives meaning."""

from dataset.readers.base import DATASETS
from dataset.readers.eval_base import TEST_DATASETS, EvalDataset
from dataset.readers.meant_columns import MeantColumns
from dataset.tasks.base import Task
from experiment.settings import Settings
from utils.errors import ConfigError


def meant_columns(settings: Settings) -> MeantColumns:
    """Return the columns that the config's training table has for more than images and labels."""
    options = DATASETS.arguments(settings.chosen["dataset"])
    return MeantColumns(options.get("case_column"), options.get("features"))


def eval_table(settings: Settings, task: Task) -> EvalDataset:
    """Return the eval images; none is read.

    Raises:
        ConfigError: these have no table for the columns that are needed.
    """
    chosen, columns = settings.chosen["test_dataset"], meant_columns(settings)
    if columns.names and not TEST_DATASETS.get(chosen.name).has_columns:
        raise ConfigError(
            f"[test_dataset] {chosen.name} has no table with the column {columns.names[0]!r} of "
            f"[dataset]: write name = TestDataset and table = a CSV of the eval images ({chosen.origin})"
        )
    return TEST_DATASETS.build(chosen, root=settings.paths.data, task=task, columns=columns)
