"""Names everything that a config can choose, from the code."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from experiment.mode import MODES, Mode
from experiment.offers import Part, offers
from utils.errors import ConfigError, closest


@MODES.register
class List(Mode):
    """Print every section, class and key of a config: what it means, its default and its allowed values.

    Names after it choose sections ([loss] or loss), classes (Focal) or keys (gamma); upper and lower case are
    the same.
    """

    answers = True

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="only this section, class or key")

    def run(self, arguments: Namespace) -> None:
        parts = offers()
        names = [name.strip("[]") for name in arguments.names]
        _refuse_unknown(names, parts)

        chosen = {name.casefold() for name in names}
        for part in parts:
            if shown := part.only(chosen) if chosen else part:
                print(f"\n{shown}")


def _refuse_unknown(names: Sequence[str], parts: Sequence[Part]) -> None:
    known = {text for part in parts for text in part.names}
    folded = {text.casefold() for text in known}
    for name in names:
        if name.casefold() not in folded:
            near = closest(name, known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ConfigError(
                f"--mode list: there is no section, class or key {name!r}.{hint} "
                "All of them: python run.py --mode list"
            )
