"""Names everything that a config can choose, from the code."""

from argparse import ArgumentParser, Namespace
from collections.abc import Set

from experiment.mode import MODES, Mode
from experiment.offers import offers
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
        known = {text for part in parts for text in part.names}
        chosen = {_known(name.strip("[]"), known) for name in arguments.names}

        for part in parts:
            if shown := part.only(chosen) if chosen else part:
                print(f"\n{shown}")


def _known(name: str, known: Set[str]) -> str:
    """Return what a name means, in lower case: ``loss.age`` is a loss, ``train.epochs`` that key.

    Raises:
        ConfigError: there is none of that name; the message has the nearest.
    """
    folded = {text.casefold() for text in known}
    section, _, rest = name.casefold().partition(".")
    for text in (name.casefold(), rest, section):
        if text in folded:
            return text

    near = closest(name, known)
    hint = f" Did you mean {near!r}?" if near else ""
    raise ConfigError(
        f"--mode list: there is no section, class or key {name!r}.{hint} "
        "All of them: python run.py --mode list"
    )
