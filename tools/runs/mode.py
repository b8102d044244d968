"""Lists every run, one's own and the teammates', with its score and what is different about it."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from experiment.mode import MODES, Mode
from experiment.read_settings import read_settings
from experiment.run_folder import find_run
from tools.runs.choice import Condition, check_keys, goodness, in_order
from tools.runs.facts import RunFacts, read_facts
from tools.runs.folders import run_folders
from tools.runs.index import read_all
from tools.runs.page import write_page
from tools.runs.table import as_text, write_csv, write_markdown
from tools.runs.who import name_authors
from utils.command import podium
from utils.errors import ConfigError
from utils.metrics import in_words
from utils.shortened import listing

log = logging.getLogger("podium")
_FIRST = 50  # rows on a terminal
_Write = Callable[[Path, Sequence[RunFacts], RunFacts | None], None]
_WRITERS: dict[str, _Write] = {
    ".csv": write_csv,
    ".md": write_markdown,
    ".html": write_page,
}


@MODES.register
class Runs(Mode):
    """List every run, best first: score, interval, folds, minutes, weights, commit, who, what differs.

    Folders of teammates, such as clones of the project or their runs/, can be named after it. Damaged runs
    are named. An index in [paths] cache lets a thousand runs be listed in seconds.
    """

    answers = True

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("folders", nargs="*", metavar="FOLDER", help="more folders with runs in them")
        parser.add_argument(
            "--against", metavar="RUN", help="show the keys that differ from those of this run"
        )
        parser.add_argument(
            "--where",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="only these runs: a key of the config or a column, also with != < > <= >=; may be repeated",
        )

        parser.add_argument("--sort", default="score", metavar="KEY", help="default: score, best first")
        parser.add_argument("--reverse", action="store_true", help="the other way round")
        parser.add_argument("--first", type=int, default=_FIRST, metavar="N", help="rows to print; 0 = all")
        parser.add_argument(
            "--out",
            action="append",
            default=[],
            metavar="FILE",
            help="also write all rows: FILE.csv, FILE.md, or a page FILE.html; may be repeated",
        )

    def run(self, arguments: Namespace) -> None:
        _refuse(arguments)
        settings = read_settings(arguments)
        conditions = [Condition.of(text) for text in arguments.where]
        roots = [settings.paths.runs] if settings.paths.runs.is_dir() else []
        folders = run_folders([*roots, *map(Path, arguments.folders)])
        runs = read_all(folders, settings.paths.cache)
        if not runs:
            log.info("There is no run yet in %s. Start one with: %s", settings.paths.runs, podium())
            return

        for root in dict.fromkeys(folders.values()):
            below = [run for run, above in zip(runs, folders.values(), strict=True) if above == root]
            name_authors(below, root)
        base = _base(arguments.against, settings.paths.runs, settings.run.name, runs)
        check_keys(runs, [condition.key for condition in conditions], "--where")
        check_keys(runs, [arguments.sort.lower()], "--sort")
        chosen = [run for run in runs if all(condition.holds(run) for condition in conditions)]
        chosen = in_order(chosen, arguments.sort.lower(), reverse=arguments.reverse)
        _print(chosen, base, arguments.first or len(chosen), runs)
        for name in arguments.out:
            path = Path(name).expanduser()
            _WRITERS[path.suffix.lower()](path, chosen, base)
            log.info("\n%d run%s: %s", len(chosen), "" if len(chosen) == 1 else "s", path)


def _refuse(arguments: Namespace) -> None:
    if arguments.first < 0:
        raise ConfigError(f"--first {arguments.first}: write how many rows are printed, or 0 for all.")
    for name in arguments.out:
        if Path(name).suffix.lower() not in _WRITERS:
            raise ConfigError(
                f"--out {name!r}: the end of its name says what is written: {', '.join(_WRITERS)}."
            )


def _base(which: str | None, root: Path, name: str, runs: Sequence[RunFacts]) -> RunFacts | None:
    """Return the run that others are held against: one of the listed by its name there, or any."""
    if which is None:
        return None
    named = [run for run in runs if which in (run.run, run.path)]
    base = named[0] if named else read_facts(find_run(root, name, which, finished=True), which)
    if base.state == "damaged":
        raise ConfigError(f"--against {which}: {base.problem}")
    return base


def _print(
    runs: Sequence[RunFacts], base: RunFacts | None, first: int, everything: Sequence[RunFacts]
) -> None:
    """Print the first rows, the best run, and what can't be read."""
    usable = [run for run in runs if run.state != "damaged"]
    shown = min(first, len(usable))
    if usable:
        log.info("\n%s", as_text(usable[:first], base))
    if len(usable) > shown:
        log.info("... and %d more: --first 0 prints all, --out runs.csv writes them.", len(usable) - shown)

    for metric in dict.fromkeys(run.metric for run in usable if run.metric):
        best = max((run for run in usable if run.metric == metric), key=goodness)
        count = sum(run.metric == metric for run in usable)
        beginning = (
            f"Best {in_words(metric)} of {count} runs" if count > 1 else f"The only {in_words(metric)}"
        )
        log.info("\n%s: %.4f, %s", beginning, best.score, best.path)

    log.info("%d of %d run%s shown.", shown, len(everything), "" if len(everything) == 1 else "s")
    problems = [f"{run.path}: {run.problem}" for run in everything if run.problem]
    if problems:
        log.warning("\nCan't be read as a whole:\n  %s", listing(problems, between="\n  "))
