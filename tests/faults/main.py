"""The command line of the harness: which parts, how much of them, and what is done with the figures."""

import contextlib
import gc
import io
import multiprocessing
import os
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from tests.faults import calls, damage
from tests.faults.competition import draw
from tests.faults.figures import put_in, table
from tests.faults.forked import Words
from tests.faults.storage import MEMORY
from tests.faults.trial import Outcome, known
from tests.faults.uses import USES, build_states

PARTS = ("kills", "failures", "signals", "power", "damage")
_POWER = ("train", "--folds all", "infer", "final fit", "ensemble", "pseudo")
_SIGNALS = ("train", "train, checkpoints behind", "--folds all", "infer", "final fit", "ensemble", "review")
_Item = TypeVar("_Item")
# Imports all that the uses need, and lets PyTorch do once what it does once.
_WARM_UP: tuple[Words, ...] = (
    (), ("--set", "run.seed=4", "--set", "run.split_seed=3"), ("--mode", "infer"),
    ("--mode", "ensemble", "001", "002"), ("--mode", "soup", "001", "002"), ("--mode", "review"),
    ("--mode", "pseudo", "--run", "001"), ("--set", "callback.TensorBoard.sheet=2"),
)  # fmt: skip
_EXPORT: Words = ("--mode", "export", "--run", "001")  # imports what takes seconds


def main(arguments: Sequence[str]) -> int:
    """Try it; return 1 if anything failed."""
    asked = _parsed(arguments)
    prepare_process((*_WARM_UP, _EXPORT) if "export" in (asked.use or USES) else _WARM_UP)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="podium-states-") as folder:
        states = Path(folder)
        trials = list(spread(_trials(states, asked), asked.share, asked.seed))
        print(f"{len(trials)} trials; the states took {time.monotonic() - began:.0f} s.", flush=True)
        outcomes = _tried(states, trials, asked.jobs)
    failed = [outcome for outcome in outcomes if not outcome.good]
    figures = f"{_said(asked, began)}\n\n{table(outcomes)}"
    whole = not (asked.only or asked.use or asked.match)
    if asked.document is not None and whole:
        put_in(asked.document, figures)
    for outcome in failed:
        print(f"{outcome.verdict}: {outcome.use}: {outcome.fault}\n    {outcome.note}")
    print(f"\n{figures}\n\n{len(outcomes)} tried, {len(failed)} failed.")
    return 1 if failed else 0


def _said(asked: Namespace, began: float) -> str:
    """Return when and how much was tried."""
    share = "All of it" if asked.share >= 1 else f"A sample of {asked.share:.0%}, spread evenly"
    minutes = (time.monotonic() - began) / 60
    return f"{share}, in {minutes:.0f} minutes by {asked.jobs} processes, on {date.today().isoformat()}."


def _parsed(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="these parts; may be repeated")
    parser.add_argument("--use", action="append", choices=list(USES), help="these uses; may be repeated")
    parser.add_argument("--share", type=float, default=1.0, help="of the trials, spread evenly over each use")
    parser.add_argument("--seed", type=int, default=0, help="another share than with another number")
    parser.add_argument("--match", default="", help="only trials whose description holds this text")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at once")
    parser.add_argument(
        "--document",
        type=Path,
        help="write the table between the marks of this file, unless only a part is tried",
    )
    return parser.parse_args(arguments)


def prepare_process(commands: Sequence[Words] = _WARM_UP) -> None:
    """Make this process one whose forks can start at once: all imported, no thread but this one."""
    import cv2
    import torch

    import dataset.augmentation.warp
    import inference.bootstrap
    import run

    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # before it has any: a fork waits for ever for those of its parent
    tqdm.monitor_interval = 0  # its thread
    _draw_less(inference.bootstrap)
    here = Path.cwd()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        draw(Path(folder))
        os.chdir(folder)
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                codes = [run.main(list(words)) for words in commands]
        finally:
            os.chdir(here)
    dataset.augmentation.warp._map.cache_clear()  # its threads do not come along
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page
    if any(codes):
        raise RuntimeError(f"an undisturbed command failed: {codes}\n{said.getvalue()}")


def _draw_less(bootstrap: Any) -> None:
    """Let the bootstrap draw 20 times, to save time: in all runs alike."""
    bootstrap.REPEATS = 20  # for modules that are imported later
    for function in vars(bootstrap).values():
        if "repeats" in (getattr(function, "__kwdefaults__", None) or {}):
            function.__kwdefaults__["repeats"] = bootstrap.REPEATS


def _trials(states: Path, asked: Namespace) -> Iterator[list[calls.Trial]]:
    """Yield the trials of each part and use."""
    parts, names = asked.only or PARTS, asked.use or list(USES)
    build_states(states, [USES[name].state for name in names])
    for part, wanted, of in (
        ("kills", calls.WRITERS, calls.kills),
        ("failures", calls.STEADY, calls.failures),
        ("signals", _SIGNALS, calls.signals),
        ("power", _POWER, calls.power_cuts),
        ("damage", damage.READERS, damage.damages),
    ):
        for name in (name for name in wanted if part in parts and name in names):
            known(states, USES[name], repeated=asked.share >= 1)
            found: list[calls.Trial] = list(of(states, USES[name]))
            yield [trial for trial in found if asked.match in str(trial)]


def spread(groups: Iterator[list[_Item]], share: float, seed: int) -> Iterator[_Item]:
    """Yield a share of each group, spread evenly over it; at least one."""
    for group in groups:
        step = max(1.0, min(1 / share, float(len(group))))
        place = seed % step
        while place < len(group):
            yield group[int(place)]
            place += step


def _outcome(trial: calls.Trial, done: "Future[Outcome]") -> Outcome:
    """Return what came of a trial; a fault of the harness is one more failure, and ends nothing."""
    if (error := done.exception()) is None:
        return done.result()
    return Outcome(trial.part, trial.use, str(trial), "harness failed", repr(error))


def _tried(states: Path, trials: Sequence[calls.Trial], jobs: int) -> list[Outcome]:
    """Return what came of trials, in their order."""
    context = multiprocessing.get_context("fork")
    outcomes: dict[int, Outcome] = {}
    pace = (
        {} if sys.stderr.isatty() else {"mininterval": 30, "maxinterval": 30}
    )  # in a log: a line now and then
    with ProcessPoolExecutor(jobs, context) as pool:
        waiting = {pool.submit(trial.run, states): place for place, trial in enumerate(trials)}
        bar = tqdm(as_completed(waiting), total=len(trials), unit="trial", smoothing=0.02, **pace)
        failed = 0
        for done in bar:
            place = waiting[done]
            outcomes[place] = _outcome(trials[place], done)
            failed += not outcomes[place].good
            bar.set_postfix_str(f"{failed} failed", refresh=False)
    return [outcomes[place] for place in range(len(trials))]
