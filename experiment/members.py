"""The members of a run over several folds: which runs it is made of, and where they are."""

from dataclasses import dataclass, replace
from pathlib import Path

from experiment.settings import RunSettings, Settings
from utils.ini import Value


@dataclass(frozen=True, slots=True)
class Member:
    """One fold with one seed: an ordinary run in the folder ``name`` inside that of the whole."""

    name: str
    fold: int
    seed: int

    def settings(self, whole: Settings) -> Settings:
        """Return the settings of this run; whatever its seed, the folds are those of the whole."""
        run, dataset = whole.run, whole.chosen["dataset"]
        member_run = replace(run, seed=self.seed, split_seed=run.dealing_seed, folds=None, seeds=1)
        held_out = {"valid_fold": Value(str(self.fold), "[run] folds")}
        dataset = replace(dataset, options={**dataset.options, **held_out})
        train = whole.train
        if train.plan is not None:
            train = replace(train, plan=train.plan / self.name)
        return replace(whole, run=member_run, train=train, chosen={**whole.chosen, "dataset": dataset})


def members_of(run: RunSettings) -> list[Member]:
    """Return the members of a run whose folds are numbers, fold after fold; an ordinary run has none."""
    folds = run.folds if isinstance(run.folds, tuple) else ()
    return [
        Member(f"fold-{fold}-seed-{seed}" if run.seeds > 1 else f"fold-{fold}", fold, seed)
        for fold in folds
        for seed in range(run.seed, run.seed + run.seeds)
    ]


def folders_by_fold(run: RunSettings, folder: Path) -> list[list[Path]]:
    """Return the folders of the models of each fold; an ordinary run is its only one."""
    folders: dict[int, list[Path]] = {}
    for member in members_of(run):
        folders.setdefault(member.fold, []).append(folder / member.name)
    return list(folders.values()) or [[folder]]
