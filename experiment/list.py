"""Names everything that a config can choose, from the code."""

from argparse import ArgumentParser, Namespace
from collections.abc import Set

from experiment.mode import MODES, Mode
from experiment.offers import OfferedSection, offers
from experiment.reached import many_names
from utils.errors import ConfigError, closest


@MODES.register
class List(Mode):
    """Print every section, class and key of a config: what it means, its default and its allowed values.

    Names after it choose sections ([loss] or loss), classes (Focal) or keys (gamma); upper and lower case are
    the same. So do timm's optimisers (muon) and backbones (resnet10t), each with the keys that it has.
    """

    answers = True

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="only this section, class or key")

    def run(self, arguments: Namespace) -> None:
        parts = offers()
        known = {text for part in parts for text in part.names}
        names = [name.strip("[]") for name in arguments.names]
        meant = {name: _known(name, known) for name in names}
        reached = [_reached(name, known) for name in names if meant[name] is None]

        chosen = {text for text in meant.values() if text is not None}
        shown = [part.only(chosen) for part in parts] if names else parts
        for part in (*filter(None, shown), *reached):
            print(f"\n{part}")


def _known(name: str, known: Set[str]) -> str | None:
    """Return what a name means, in lower case: ``loss.age`` is a loss, ``train.epochs`` that key."""
    folded = {text.casefold() for text in known}
    section, _, rest = name.casefold().partition(".")
    return next((text for text in (name.casefold(), rest, section) if text in folded), None)


def _reached(name: str, known: Set[str]) -> OfferedSection:
    """Return what is named by the value of an option, such as an optimiser of timm.

    Raises:
        ConfigError: nothing is; the message has the nearest of all that can be asked for.
    """
    options = list(many_names())
    for option in options:
        if name.casefold() in option.names:
            return option.part(name.casefold())

    near = closest(name, known) or closest(name, {text for option in options for text in option.names})
    hint = f" Did you mean {near!r}?" if near else ""
    raise ConfigError(
        f"--mode list: there is no section, class or key {name!r}.{hint} "
        "All of them: python run.py --mode list"
    )
