"""The command line: what every mode takes, what its own mode adds, and the text of ``--help``.

Imports nothing heavy: ``python run.py --help`` answers at once.
"""

import re
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from utils.command import podium
from utils.errors import ConfigError, DataError, PodiumError, WriteFailed, closest
from utils.locales import unfit_locale

CONFIG = Path("config.ini")  # unless --config names another one

# Each mode has a line here, so that one look teaches what there is.
EXAMPLES = """\
examples:
  python run.py                                  train by config.ini
  python run.py --mode infer                     write submission.csv with the newest finished run
  python run.py --mode infer --run 003           ... with version 003 of the run that config.ini names
  python run.py --mode infer --run x/003 --out FOLDER
                                                 ... of run x, which lies where nothing can be written
  python run.py --mode pseudo                    label images for another run to train on
  python run.py --mode export                    write model.onnx, which needs neither Podium nor PyTorch
  python run.py --folds all                      every fold as one run, scored out of fold (or 0,2,4)
  python run.py --folds all --seeds 3            ... each of them three times: seed, seed + 1, seed + 2
  python run.py --folds all --workers auto       ... several at a time: processes, or one a GPU
  python run.py --mode work --run x/003          ... and help with that from another machine
  python run.py --mode ensemble 001 x/002        one prediction out of several finished runs
  python run.py --mode compare 001 002           is the second run better? with runs by version or path
  python run.py --mode runs                      all runs in one table, best first; also FOLDERS of teammates
  python run.py --mode push 003                  send a run's weights to where the team keeps them
  python run.py --mode pull x/003                fetch a teammate's
  python run.py --mode views                     what test-time augmentation gains, out of fold
  python run.py --final 001                      train on all data, as long as the folds of 001 needed
  python run.py --mode sweep                     look for the best values of [sweep.space]
  python run.py --mode soup 001 002 003          one model with the mean of several runs' weights
  python run.py --mode check FILE                is a submission right, however it was made?
  python run.py --mode submitted FILE --public 0.7428
                                                 keep what the board said of it (FILE: a path or a hash)
  python run.py --mode submissions               all submissions, and whether own and public scores agree
  python run.py --mode review                    where it is wrong, and which labels may be: two pages
  python run.py --resume                         go on with the newest run that did not finish
  python run.py --mode list                      everything that a config can choose, with its options
  python run.py --mode NAME --help               what one mode does, and options of its own
  python run.py --config recipes/mask/scratch_15_minutes.ini
                                                 another config
  python run.py --set train.epochs=3 --set optimizer.lr=1e-4 --set loss.age.smoothing=0.2
                                                 change single values; --set may be repeated

exit codes: 0 done, 2 the config or command line is wrong, 3 the data is wrong,
            4 stopped or a file can't be written, and can be gone on with, 130 interrupted by a signal before
            there was anything to go on with, 1 anything else

Paths can come from the environment or a file .env: PODIUM_DATA, PODIUM_RUNS, PODIUM_CACHE.
Look at runs with: tensorboard --logdir runs
"""


def common_parser() -> ArgumentParser:
    """Return a parser of what every mode takes; a mode adds its own to it (``Mode.options``)."""
    parser = ArgumentParser(
        prog="run.py",
        description="Train an image classifier by a config file and write a competition submission.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,  # whose help it is depends on the mode
    )
    parser.add_argument("--help", "-h", action="store_true", help="this; after --mode NAME, about that mode")
    parser.add_argument("--mode", metavar="NAME", help="what to do; default: train")
    parser.add_argument(
        "--config",
        type=Path,
        default=CONFIG,
        metavar="PATH",
        help="default: config.ini",
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="put a value over the config's; may be repeated",
    )
    parser.add_argument("--folds", metavar="all|0,2,4", help="short for --set run.folds=...")
    parser.add_argument("--seeds", metavar="N", help="short for --set run.seeds=N")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped or killed")
    parser.add_argument(
        "--run",
        metavar="RUN",
        help="which run to resume or to ask: its path, a version, NAME/VERSION or NAME (default: newest)",
    )
    return parser


def train_options(parser: ArgumentParser) -> None:
    """Add what training takes beside what every mode does."""
    what = "train on all data, as long as this finished run's folds needed; short for --set train.final=..."
    parser.add_argument("--final", metavar="RUN", help=what)
    what = "train so many members of --folds and --seeds at a time; short for --set workers.count=..."
    parser.add_argument("--workers", metavar="N|auto", help=what)


def again(arguments: Sequence[str]) -> str:
    """Return the command that was given, to be given once more."""
    return podium(*arguments)


def parse(parser: ArgumentParser, mode: str, arguments: list[str]) -> Namespace:
    """Return the values of a command line; the parser knows the mode's own options.

    Raises:
        ConfigError: there is something that the mode does not take.
    """
    parsed, rest = parser.parse_known_intermixed_args(arguments)
    if rest:
        options = re.findall(r"--\w+", parser.format_usage())
        near = [closest(text.partition("=")[0], options) for text in rest if text.startswith("--")]
        hint = f" Did you mean {', '.join(filter(None, near))}?" if any(near) else ""
        raise ConfigError(
            f"--mode {mode} does not take: {' '.join(rest)}.{hint} "
            f"What it takes: python run.py --mode {mode} --help"
        )
    given = {"folds": parsed.folds, "seeds": parsed.seeds}
    parsed.overrides += [f"run.{key}={value}" for key, value in given.items() if value is not None]
    return parsed


def in_words(error: PodiumError | UnicodeEncodeError | OSError, arguments: Sequence[str]) -> tuple[str, int]:
    """Return what is printed of an error that ends the command ``arguments``, and the exit code.

    Raises:
        Exception: the error itself, where it can only be our own mistake.
    """
    if isinstance(error, PodiumError):
        way_on = error.way_on or (again(arguments) if isinstance(error, WriteFailed) else "")
        said = f"{error.name}: {error}{unfit_locale(str(error))}"
        return said + (f"\nGo on with: {way_on}" if way_on else ""), error.exit_code
    if isinstance(error, UnicodeEncodeError) and (why := unfit_locale(error.object)):
        return f"{error.object!r} can't be the name of a file here.{why}", DataError.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", 1
    raise error
