"""What is done with Podium while something goes wrong.

To add a use, add a line to ``USES``: the state from which it starts, its command line, and what to compare.
A state is a folder that commands left; ``STATES`` has them. Kills and failed calls then try it; name it in
``main.py`` for signals and power cuts, and in ``damage.READERS`` for damaged files.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from experiment.time_limit import PLAN
from tests.faults import competition
from tests.faults.forked import Words, podium
from tests.faults.kinds import Kill
from train.time_limit.keeper import blank_plan
from utils.durable import write_json

RUN = f"runs/{competition.NAME}"
_SECOND = ("--set", "run.seed=4", "--set", "run.split_seed=3")


@dataclass(frozen=True)
class Use:
    """One command, and how its user goes on when it was stopped."""

    name: str
    state: str
    words: Words
    makes: str = ""  # the run's folder that it makes, if it makes one
    resumes: bool = False  # a run that is not finished goes on with --resume
    then: tuple[Words, ...] = ()  # what is done with the result
    says: bool = False  # what it prints is its result

    def again(self, root: Path) -> list[Words]:
        """Return what the user runs after the command was stopped."""
        folder = root / self.makes
        if not self.makes or not (folder / "config.ini").exists():
            return [self.words]
        if (folder / "scores.json").exists():
            return []
        if not self.resumes:
            return [self.words]
        # A run resumes with its own config, or with one that says the same.
        return [
            ("--resume", "--config", f"{self.makes}/config.ini") if "--set" in self.words else ("--resume",)
        ]


def _mode(name: str, *words: str) -> Words:
    return ("--mode", name, *words)


_INFER = _mode("infer")
_AS_JPEG = ("--set", "images.store=compressed")
USES = {
    use.name: use
    for use in (
        Use("train", "new", (), f"{RUN}/001", resumes=True, then=(_INFER,)),
        Use("train, checkpoints at each step", "stored", ("--set", "callback.Checkpoints.minutes=0"),
            f"{RUN}/001", resumes=True, then=(_INFER,)),
        Use("train, checkpoints behind", "stored", ("--set", "callback.Checkpoints.behind=yes"), f"{RUN}/001",
            resumes=True, then=(_INFER,)),
        Use("train, images as JPEG", "new", _AS_JPEG, f"{RUN}/001", resumes=True, then=(_INFER,)),
        Use("train on JPEG that is there", "packed", _AS_JPEG, f"{RUN}/001", resumes=True, then=(_INFER,)),
        Use("--folds all", "stored", ("--folds", "all"), f"{RUN}/001", resumes=True, then=(_INFER,)),
        Use("resume", "half", ("--resume",), f"{RUN}/001", resumes=True),
        Use("resume folds", "half of folds", ("--resume",), f"{RUN}/001", resumes=True),
        Use("final fit", "folds", ("--final", "001"), f"{RUN}/002", resumes=True, then=(_INFER,)),
        Use("soup", "two", _mode("soup", "001", "002"), f"{RUN}_soup/001",
            then=(_mode("infer", "--run", f"{RUN}_soup/001"),)),
        Use("ensemble", "two", _mode("ensemble", "001", "002"), f"{RUN}_ensemble/001",
            then=(_mode("infer", "--run", f"{RUN}_ensemble/001"),)),
        Use("infer", "two", _mode("infer", "--run", "001")),
        Use("infer of folds", "folds", _mode("infer", "--run", "001")),
        Use("infer of an ensemble", "blended", _mode("infer", "--run", f"{RUN}_ensemble/001")),
        Use("pseudo", "two", _mode("pseudo", "--run", "001")),
        Use("review", "two", _mode("review", "--run", "001")),
        Use("views", "folds", _mode("views", "--run", "001"), says=True),
        Use("export", "two", _mode("export", "--run", "001")),
        Use("submitted", "predicted", _mode("submitted", f"{RUN}/001/submission.csv", "--public", "0.5")),
        Use("compare", "two", _mode("compare", "001", "002"), says=True),
        Use("check", "predicted", _mode("check", f"{RUN}/001/submission.csv"), says=True),
        Use("submissions", "predicted", _mode("submissions"), says=True),
        Use("train beside", "two", (), f"{RUN}/003", resumes=True),
        Use("train with TensorBoard", "stored", ("--set", "callback.TensorBoard.sheet=2"), f"{RUN}/001",
            resumes=True),
        Use("train on pseudo labels", "labelled", ("--set", f"pseudo.labels={RUN}/001/pseudo_labels.csv"),
            f"{RUN}/003", resumes=True),
        Use("train by a plan", "planned", ("--set", f"train.plan={RUN}/001"), f"{RUN}/003", resumes=True),
    )
}  # fmt: skip

# Each: the state it grows from, and the commands.
STATES: dict[str, tuple[str, tuple[Words, ...]]] = {
    "stored": ("new", ()),
    "packed": ("new", ()),
    "two": ("new", ((), _SECOND)),
    "predicted": ("two", (_mode("infer", "--run", "002"), _mode("infer", "--run", "001"))),
    "blended": ("two", (_mode("ensemble", "001", "002"),)),
    "labelled": ("two", (_mode("pseudo", "--run", "001"),)),
    "planned": ("two", ()),
    "folds": ("new", (("--folds", "all"),)),
}
_STORES: dict[str, Words] = {"stored": (), "packed": _AS_JPEG}
_HALVES = {"half": ((), 1), "half of folds": (("--folds", "all"), 3)}


def copy_state(states: Path, name: str, root: Path) -> None:
    """Make ``root`` a copy of a state; the data are shared, since nothing writes there."""
    shutil.copytree(states / name, root, symlinks=True)


def build_states(states: Path, wanted: Iterable[str]) -> None:
    """Make the folders that uses start from."""
    competition.draw(states / "new")
    shared = states / "data"
    (states / "new" / "data").rename(shared)
    (states / "new" / "data").symlink_to(shared)
    for name in wanted:
        _build(states, name)


def _build(states: Path, name: str) -> None:
    if (states / name).exists():
        return
    if name in _HALVES:
        return _build_half(states, name, *_HALVES[name])
    base, commands = STATES[name]
    _build(states, base)
    copy_state(states, base, states / name)
    for words in commands:
        _run(states / name, words)
    if name in _STORES:  # of a run that is gone: what is left is the store of its images
        _run(states / name, _STORES[name])
        shutil.rmtree(states / name / RUN / "001")
    if name == "planned":  # as a time limit would have made it, but of few steps
        plan = blank_plan(epochs=2, accumulate=1)
        plan.deal(0, steps=5, size=1)
        write_json(states / name / RUN / "001" / PLAN, plan.values())


def _build_half(states: Path, name: str, words: Words, epochs: int) -> None:
    """Make a run that was killed when so many epochs were kept, the next one was not."""
    _build(states, "stored")
    copy_state(states, "stored", states / "whole")
    calls = podium(states / "whole", words).calls
    shutil.rmtree(states / "whole")
    kept = [call.number for call in calls if "/last-" in call.target and call.target.endswith(".json")]
    copy_state(states, "stored", states / name)
    podium(states / name, words, Kill(kept[epochs] - 3))  # in the middle of the next checkpoint


def _run(root: Path, words: Words) -> None:
    result = podium(root, words)
    if result.code:
        raise RuntimeError(f"{' '.join(words) or 'training'} ended with {result.code}: {result.text[-2000:]}")
