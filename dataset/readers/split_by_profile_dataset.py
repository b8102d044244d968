"""The mask competition's training data: a CSV row for each person, a folder of seven photos for each row."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from dataset.files.name_repair import NameRepair
from dataset.readers.base import DATASETS, BaseDataset
from dataset.readers.facts import check_facts
from dataset.readers.fold_table import read_folds
from dataset.readers.folds import deal_folds
from dataset.readers.profile_folders import ProfileFolders
from dataset.readers.profile_photos import PHOTOS, PersonPhotos, find_photos, photo_of
from dataset.readers.relabel import Cell, Corrections, ids_and_folders, read_corrections
from dataset.tasks.base import Facts, Marked, Task
from utils.convert import Interval
from utils.doubles import keep_one
from utils.errors import ConfigError, DataError, listed
from utils.tables import Row, read_table

COLUMNS = ("id", "gender", "race", "age", "path")
_INSTEAD = (
    "it is for [task] name = MaskTask. For labels in a table write [dataset] name = CsvDataset, for a folder "
    "of each class FolderDataset."
)


@DATASETS.register
class SplitByProfileDataset(BaseDataset):
    """Every photo of a person is in the same fold; folds have the same mix of gender and age band.

    Args:
        table: the CSV with columns id, gender, race, age, path.
        images: the folder that holds a folder named ``path`` for each row.
        folds: how many parts the people are dealt into.
        fold_table: instead of that: a CSV (group, fold), such as the split.csv of a run.
        valid_fold: the part that validates, from 0.
        repair_names: what the names in ``path`` lack to be those of folders, such as ``slashes, drop 2``.
        follow_links: whether links may lead out of the data folder.
        relabel: a CSV of corrections (profile, field, value, reason), touching training only.
        on_bad_row: ``skip`` leaves out each person with a problem and names them in the log.

    Raises:
        DataError: lists every row and file at fault.
    """

    group_words = ("person", "people")

    def __init__(
        self,
        *,
        root: Path,
        task: Task,
        seed: int,
        table: str = "train/train.csv",
        images: str = "train/images",
        folds: Annotated[int, Interval(2)] = 5,
        fold_table: Path | None = None,
        valid_fold: Annotated[int, Interval(0)] = 0,
        repair_names: tuple[NameRepair, ...] = (),
        follow_links: bool = False,
        relabel: Path | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        content = read_table(root / table, COLUMNS)
        check_facts(task, (*content.columns, "photo"), f"{root / table}", _INSTEAD)
        folders = ProfileFolders(root, images, follow_links=follow_links)
        doubles = keep_one(content.rows, lambda row: row["path"])

        people = _people(folders.named(doubles.rows, repair_names, root / table))
        stray = find_photos(people, folders, doubles.clashes)

        corrections = _corrections(relabel, people)
        marked = [_label(person, task, corrections.get(person.profile, {})) for person in people]
        if wrong := [problem for person in people for problem in person.miscorrected]:
            raise DataError(listed(str(relabel), wrong))

        problems = [problem for person in people for problem in person.problems] + stray
        if problems and on_bad_row == "error":
            hint = "\nMend them, or set on_bad_row = skip in [dataset] to leave these people out."
            raise DataError(listed(str(root / table), problems) + hint)

        good = [
            (person, labels) for person, labels in zip(people, marked, strict=True) if not person.problems
        ]
        _check_count(len(good), 1 if fold_table else folds, problems, root / table)

        fold_of = (
            read_folds(fold_table, [person.profile for person, _ in good])
            if fold_table
            else deal_folds([_stratum(person, labels) for person, labels in good], folds, seed)
        )

        profiles, files, true, trained = _images(good)
        super().__init__(
            root=root,
            files=files,
            groups=profiles,
            folds=fold_of.repeat([len(person.photos) for person, _ in good]),
            valid_fold=valid_fold,
            task=task,
            labels=true,
            train_labels=trained,
            skipped=problems,
            notes=doubles.notes,
            facts=[person.row.values for person, _ in good for _ in person.photos],
        )

    @classmethod
    def label_names(cls, **arguments: Any) -> tuple[str, ...]:
        """Refuse to name labels.

        Raises:
            ConfigError: always: there are no others than mask, gender and age.
        """
        raise ConfigError(
            f"SplitByProfileDataset says {', '.join(COLUMNS)} and photo of each image: {_INSTEAD}"
        )

    cells_are_read = True

    def facts_of(self, row: int) -> dict[str, str]:
        return super().facts_of(row) | {"photo": photo_of(self.files[row])}

    def profile(self, name: str) -> str:
        folders = self._meant.get(name, ())
        return folders[0] if len(folders) == 1 else name

    @cached_property
    def _meant(self) -> dict[str, list[str]]:
        people = {(facts["id"], group) for facts, group in zip(self._facts, self.groups, strict=True)}
        return ids_and_folders(sorted(people))

    def of_group(self, fact: str) -> bool:
        return fact != "photo"

    def cells(self, row: int, facts: Facts) -> list[Cell]:
        before = self.facts_of(row)
        return [
            Cell(self.groups[row], before["photo"] if name == "photo" else name, before[name], facts[name])
            for name in ("gender", "age", "photo")
            if facts[name] != before[name]
        ]


def _people(rows: list[Row]) -> list[PersonPhotos]:
    return sorted(map(PersonPhotos, rows), key=lambda person: person.profile)


_PhotoLabels = dict[str, tuple[Marked, Marked | None]]  # by photo: the organiser's and the team's


def _label(person: PersonPhotos, task: Task, corrected: Mapping[str, str]) -> _PhotoLabels:
    """Return both labels of each photo; what is wrong goes to the person's problems, once."""
    labels: _PhotoLabels = {}

    for photo in person.photos:
        facts = {**person.row.values, "photo": photo}
        changed = facts | {key: corrected[key] for key in ("gender", "age") if key in corrected}
        changed["photo"] = corrected.get(photo, photo)
        try:
            true = task.encode(facts)
        except ValueError as error:
            _note(person.problems, f"{person.row.line}: {error}")
            continue

        # What is right in the table may be wrong as it was corrected.
        try:
            labels[photo] = true, task.encode_for_training(changed)
        except ValueError as error:
            _note(person.miscorrected, f"{person.profile}: {error}")
    return labels


def _check_count(people: int, needed: int, problems: list[str], table: Path) -> None:
    if people < needed:
        left_out = listed(str(table), problems) + "\n" if problems else ""
        raise DataError(f"{left_out}{table} has {people} usable people for {needed} folds.")


def _images(
    people: list[tuple[PersonPhotos, _PhotoLabels]],
) -> tuple[Sequence[str], Sequence[str], Sequence[Marked], Sequence[Marked | None]]:
    """Return of each photo whose it is, its file, and both of its labels."""
    images = [
        (person.profile, file, *labels[photo])
        for person, labels in people
        for photo, file in person.photos.items()
    ]
    profiles, files, true, trained = zip(*images, strict=True)
    return profiles, files, true, trained


def _note(problems: list[str], problem: str) -> None:
    if problem not in problems:
        problems.append(problem)


def _stratum(person: PersonPhotos, labels: _PhotoLabels) -> str:
    """Return what all folds should have alike: everything that one photo's label says of its person."""
    return repr(labels["normal"][0])


def _corrections(relabel: Path | None, people: list[PersonPhotos]) -> Corrections:
    if relabel is None:
        return {}
    known = ids_and_folders([(person.row["id"], person.profile) for person in people])
    return read_corrections(relabel, known, ("gender", "age", *PHOTOS))
