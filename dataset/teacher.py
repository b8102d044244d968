"""What is known of the run that labelled images: above all, whom it was not trained on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dataset.base_dataset import BaseDataset
from utils.durable import write_json
from utils.errors import ConfigError, DataError
from utils.read_json import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Lies as ``pseudo_labels.json`` beside the labels, so that these may be moved and shared."""

    run: str  # the run's folder
    commit: str | None  # of the program that trained it
    config: str  # SHA-256 of the run's config.ini
    seed: int  # that dealt the folds
    valid_fold: int
    held_out: tuple[str, ...]  # the groups of that fold: those that it has never seen

    def write(self, labels: Path) -> None:
        """Write this beside a file of labels."""
        write_json(labels.with_suffix(".json"), asdict(self))

    @classmethod
    def read(cls, labels: Path) -> "Teacher":
        """Return what was written beside a file of labels.

        Raises:
            DataError: it is not there, or is not what ``write`` writes.
        """
        path = labels.with_suffix(".json")
        hint = f"Write both files again with --mode pseudo, or copy it from where {labels.name} came from."
        if not path.exists():
            missing = labels if not labels.exists() else path
            raise DataError(f"There is no file {missing} (labels in [pseudo]). {hint}")
        facts = read_json(path, hint)
        if not _is_whole(facts):
            raise DataError(f"{path} does not say which people its run was not trained on. {hint}")
        known = {field.name: facts[field.name] for field in fields(cls)}
        return cls(**known | {"held_out": tuple(facts["held_out"])})

    def refuse_leak(self, dataset: BaseDataset) -> None:
        """Refuse labels from a model that was trained on anybody who validates here.

        A student learns its teacher's answers: where these know a validation image, so does the student, and
        its scores say nothing.

        Raises:
            ConfigError: somebody validates here who is not among those that the teacher held out.
        """
        validating = {dataset.groups[row] for row in dataset.valid_rows}
        seen = sorted(validating - set(self.held_out))
        if seen:
            raise ConfigError(
                f"[pseudo] labels: {self.run} held out valid_fold = {self.valid_fold} (seed = {self.seed}), "
                f"but of the {len(validating)} people or images that validate here {len(seen)} are not among "
                f"those, such as {seen[0]!r}: scores on them would say nothing. Hold out the same ones with "
                f"[dataset] valid_fold = {self.valid_fold}, the same folds, and [run] split_seed = "
                f"{self.seed}, or label with a run that held out what validates here."
            )


def _is_whole(facts: Any) -> bool:
    if not isinstance(facts, Mapping) or not facts.keys() >= {field.name for field in fields(Teacher)}:
        return False
    groups = facts["held_out"]
    return isinstance(groups, list) and all(isinstance(group, str) for group in groups)
