"""What is known of the run that labelled images: above all, whom it was not trained on."""

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from dataset.readers.base import BaseDataset, whose
from utils.command import podium
from utils.durable import sha256_of_text, write_json
from utils.errors import ConfigError, DataError
from utils.forms import COUNT, NOTHING, TEXT, Form, Kind, any_of, list_of
from utils.not_there import no_file
from utils.read_json import read_json
from utils.texts import comparable

log = logging.getLogger("podium")
_DIGEST = "labels_sha256"  # beside the fields of a teacher
_FORM: Form = {
    "run": TEXT,
    "commit": any_of(TEXT, NOTHING),
    "config": TEXT,
    "seed": Kind("a whole number", lambda value: type(value) is int),
    "valid_fold": COUNT,
    "held_out": list_of(TEXT),
    _DIGEST: TEXT,
}


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
        """Write this beside a file of labels, and what that file is."""
        write_json(labels.with_suffix(".json"), asdict(self) | {_DIGEST: sha256_of_text(labels)})

    @classmethod
    def read(cls, labels: Path) -> "Teacher":
        """Return what was written beside a file of labels; warn if that is no longer what was written.

        Raises:
            DataError: it is not there, or is not what ``write`` writes.
        """
        path = labels.with_suffix(".json")
        hint = f"Write both files again with --mode pseudo, or copy it from where {labels.name} came from."
        if not labels.exists():
            teacher = labels.parent if (labels.parent / "config.ini").exists() else "RUN"
            command = podium("--mode", "pseudo", "--run", teacher)
            raise DataError(f"[pseudo] labels: {no_file(labels)} Written by: {command}")
        if not path.exists():
            raise DataError(f"There is no file {path} (labels in [pseudo]). {hint}")

        names = [field.name for field in fields(cls)]
        facts = read_json(path, hint, form=_FORM, needs=names)
        if labels.is_file() and facts.get(_DIGEST, "") not in ("", sha256_of_text(labels)):
            log.warning(
                "%s is not what %s wrote: it was edited, or damaged. It is trained on as it is now.",
                labels, facts["run"],
            )  # fmt: skip
        known = {name: facts[name] for name in names}
        return cls(**known | {"held_out": tuple(map(comparable, facts["held_out"]))})

    def refuse_leak(self, dataset: BaseDataset) -> None:
        """Refuse labels from a model that was trained on anybody who validates here.

        A student learns its teacher's answers: where these know a validation image, so does the student, and
        its scores say nothing.

        Raises:
            ConfigError: somebody validates here who is not among those that the teacher held out.
        """
        validating, seen = not_held_out(self.held_out, dataset)
        if seen:
            called = whose(dataset.groups, dataset.group_words)[1]
            raise ConfigError(
                f"[pseudo] labels: {self.run} held out valid_fold = {self.valid_fold} (seed = {self.seed}), "
                f"but of the {validating} {called} that validate here {len(seen)} are not among "
                f"those, such as {seen[0]!r}: scores on them would say nothing. Hold out the same ones with "
                f"[dataset] valid_fold = {self.valid_fold}, the same folds, and [run] split_seed = "
                f"{self.seed}, or label with a run that held out what validates here."
            )


def not_held_out(held_out: Iterable[str], dataset: BaseDataset) -> tuple[int, list[str]]:
    """Return how many groups validate, and which of these a run that held out some has been trained on."""
    validating = {dataset.groups[row] for row in dataset.valid_rows}
    return len(validating), sorted(validating - set(held_out))
