"""The command line: what every mode takes, what its own mode adds, and the text of ``--help``.

Imports nothing heavy: ``python run.py --help`` answers at once.
"""

import re
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from experiment.mode_lines import mode_lines
from utils.command import podium
from utils.docstrings import told
from utils.errors import ConfigError, DataError, PodiumError, WriteFailed, closest
from utils.installed import not_installed
from utils.locales import unfit_locale

if TYPE_CHECKING:
    from experiment.mode import Mode  # which loads what --help does without

CONFIG = Path("config.ini")  # unless --config names another one

_EXAMPLES = """\
examples:
  python run.py                                  train by config.ini
  python run.py --mode infer                     write submission.csv with the newest finished run
  python run.py --mode infer --run x/003         ... with version 003 of the runs named x
  python run.py --folds all --seeds 3            every fold as one run, scored out of fold, three times each
  python run.py --folds all --workers auto       ... several at a time: processes, or one a GPU
  python run.py --mode runs                      all runs in one table, best first
  python run.py --final 001                      train on all data, as long as the folds of run 001 needed
  python run.py --resume                         go on with the newest run that did not finish
  python run.py --mode list Focal                what a class does, and its keys (or a section, or a key)
  python run.py --mode compare --help            what one mode does, and options of its own
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


# What all modes share, but not each gives a meaning (``Mode.takes``).
SHARED: dict[str, dict[str, Any]] = {
    "folds": {"metavar": "all|0,2,4", "help": "short for --set run.folds=..."},
    "seeds": {"metavar": "N", "help": "short for --set run.seeds=N"},
    "resume": {"action": "store_true", "help": "go on with a run that was stopped or killed"},
    "run": {
        "metavar": "RUN",
        "help": "which run to resume or to ask: its path, a version, NAME/VERSION or NAME (default: newest)",
    },
}
_NEEDED = ("folds", "seeds", "final", "run", "out")  # an empty one is a shell's variable that is not set


def overview() -> str:
    """Return what ``--help`` says below the options: each mode in a line, and examples."""
    lines = mode_lines()
    width = max(map(len, lines))
    modes = [f"  {name:<{width}}  {line}" for name, line in lines.items()]
    return "\n".join(["modes:", *modes, "", _EXAMPLES])


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise what is wrong as any other mistake of the user: one sentence, with what to write instead.

        Raises:
            ConfigError: always.
        """
        option, _, fault = message.removeprefix("argument ").partition(": ")
        option = option.rpartition("/")[0] or option  # --help/-h
        values = re.search(rf"{re.escape(option)} ([^\]\s]+)", self.format_usage())
        if fault.startswith("expected") and values:
            raise ConfigError(f"{option} needs a value: {option} {values[1]}")
        if fault.startswith("ignored explicit argument"):
            raise ConfigError(f"{option} takes no value: write it alone.")
        of_mode = ("--mode", mode) if (mode := self.get_default("mode")) else ()
        raise ConfigError(
            f"The command line is wrong: {message}. What it takes: {podium(*of_mode, '--help')}"
        )


def _path(text: str) -> Path:
    if not text:
        raise ArgumentTypeError("expected one argument")
    return Path(text)


def common_parser(shown: Collection[str] = tuple(SHARED)) -> ArgumentParser:
    """Return a parser of what every mode takes; a mode adds its own to it (``Mode.options``).

    Args:
        shown: which of ``SHARED`` its help tells of.
    """
    parser = _Parser(
        prog="run.py",
        description="Train an image classifier by a config file and write a competition submission.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,  # whose help it is depends on the mode
    )

    parser.add_argument("--help", "-h", action="store_true", help="this; after --mode NAME, about that mode")
    parser.add_argument("--mode", metavar="NAME", help="what to do; default: train")
    parser.add_argument(
        "--config",
        type=_path,
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
    for name, options in SHARED.items():
        parser.add_argument(f"--{name}", **options | ({} if name in shown else {"help": SUPPRESS}))
    return parser


def mode_help(mode: "type[Mode]") -> str:
    """Return what ``--mode NAME --help`` says: what the mode does, and what it takes."""
    parser = common_parser(mode.takes)
    mode.options(parser)
    parser.description = told(mode)
    if mode.may_set is not None:
        parser.epilog = f"--set can change: {', '.join(mode.may_set)}"
    return parser.format_help()


def train_options(parser: ArgumentParser) -> None:
    """Add what training takes beside what every mode does."""
    what = "train on all data, as long as this finished run's folds needed; short for --set train.final=..."
    parser.add_argument("--final", metavar="RUN", help=what)
    what = "train so many members of --folds and --seeds at a time; short for --set workers.count=..."
    parser.add_argument("--workers", metavar="N|auto", help=what)


def again(arguments: Sequence[str]) -> str:
    """Return the command that was given, to be given once more."""
    return podium(*arguments)


def parse(parser: ArgumentParser, mode: "type[Mode]", arguments: list[str]) -> Namespace:
    """Return the values of a command line; the parser knows the mode's own options.

    Raises:
        ConfigError: there is something that the mode does not take.
    """
    name = mode.__name__.lower()
    parser.set_defaults(mode=name)  # whose help an error points to
    parsed, rest = parser.parse_known_intermixed_args(arguments)
    if rest:
        options = re.findall(r"--\w+", parser.format_usage())
        near = [closest(text.partition("=")[0], options) for text in rest if text.startswith("--")]
        hint = f" Did you mean {', '.join(filter(None, near))}?" if any(near) else ""
        raise ConfigError(
            f"--mode {name} does not take: {' '.join(rest)}.{hint} "
            f"What it takes: python run.py --mode {name} --help"
        )

    _refuse_empty(parsed)
    _refuse_untaken(parsed, mode, name)
    given = {"folds": parsed.folds, "seeds": parsed.seeds}
    parsed.overrides += [f"run.{key}={value}" for key, value in given.items() if value is not None]
    return parsed


def _refuse_empty(parsed: Namespace) -> None:
    for option in _NEEDED:
        if str(getattr(parsed, option, None)) == "":
            raise ConfigError(f"--{option} needs a value: what stands after it is empty.")


def _refuse_untaken(parsed: Namespace, mode: "type[Mode]", name: str) -> None:
    """Refuse common options that a mode gives no meaning, and values that are not its to change."""
    given = {key: getattr(parsed, key) not in (None, False) for key in SHARED}
    if untaken := [f"--{key}" for key, is_given in given.items() if is_given and key not in mode.takes]:
        verb = "has" if len(untaken) == 1 else "have"
        raise ConfigError(
            f"{' and '.join(untaken)} {verb} no meaning with --mode {name}. "
            f"What it takes: python run.py --mode {name} --help"
        )
    if mode.may_set is not None:
        _refuse_unset(parsed.overrides, mode.may_set, name)


def _refuse_unset(overrides: Sequence[str], may_set: Sequence[str], name: str) -> None:
    for text in overrides:
        key = text.partition("=")[0].strip().lower()
        section = key.partition(".")[0]
        if key not in may_set and section not in may_set:
            near = closest(section, may_set)
            hint = f" Did you mean {near!r}?" if near else ""
            allowed = ", ".join(may_set)
            raise ConfigError(
                f"--set {text} belongs to training; with --mode {name} can be set: {allowed}.{hint}"
            )


def in_words(
    error: PodiumError | UnicodeEncodeError | OSError | ModuleNotFoundError, arguments: Sequence[str]
) -> tuple[str, int]:
    """Return what is printed of an error that ends the command ``arguments``, and the exit code.

    Raises:
        Exception: the error itself, where it can only be our own mistake.
    """
    if isinstance(error, PodiumError):
        way_on = error.way_on or (again(arguments) if isinstance(error, WriteFailed) else "")
        text = f"{error.name}: {error}{unfit_locale(str(error))}"
        return text + (f"\nGo on with: {way_on}" if way_on else ""), error.exit_code
    if isinstance(error, UnicodeEncodeError) and (why := unfit_locale(error.object)):
        return f"{error.object!r} can't be the name of a file here.{why}", DataError.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", 1
    if isinstance(error, ModuleNotFoundError) and (lacks := not_installed(error)) is not None:
        return lacks, 1
    raise error
