"""What a mode is: something that ``python run.py --mode NAME`` does."""

from argparse import ArgumentParser, Namespace
from typing import ClassVar

from utils.errors import ConfigError, unknown_name
from utils.registry import Registry


class Mode:
    """A subclass is one file of a folder in ``tools/``, or of this one; its name in lower case is the mode's.

    Attributes:
        answers: what it prints is all that it does, so it has failed where that can't be printed.
        takes: which of the options that all modes share mean something to it: run, resume, folds, seeds.
        may_set: what --set may change for it: sections, or single keys as in ``run.name``; None: anything
            that its run allows.
    """

    answers: ClassVar[bool] = False
    takes: ClassVar[tuple[str, ...]] = ()
    may_set: ClassVar[tuple[str, ...] | None] = None

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        """Add what this mode takes beside what every mode does; as a rule nothing.

        Such as ``parser.add_argument("--public", metavar="SCORE", help="...")``, or a positional one. It is
        shown by ``--mode NAME --help``.
        """

    def run(self, arguments: Namespace) -> None:
        """Do it. ``arguments`` are config, overrides (--set), run, resume, and those of ``options``."""
        raise NotImplementedError


MODES: Registry[Mode] = Registry("mode", "experiment", "tools.*")


def mode_named(name: str) -> type[Mode]:
    """Return the mode that ``--mode name`` means.

    Raises:
        ConfigError: there is none; the message has the closest name and all of them.
    """
    names = {mode.lower(): mode for mode in MODES.names()}
    if name not in names:
        raise ConfigError(f"--mode: {unknown_name('mode', name, names)}")
    return MODES.get(names[name])
