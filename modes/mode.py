"""What a mode is: something that ``python run.py --mode NAME`` does."""

from argparse import Namespace

from utils.registry import Registry


class Mode:
    """A subclass is one file in this folder; its name in lower case is the mode's."""

    takes_runs = False  # whether runs may be named after it

    def run(self, arguments: Namespace) -> None:
        """Do it. ``arguments`` are those of run.py: config, overrides (--set), run, resume, runs."""
        raise NotImplementedError


MODES: Registry[Mode] = Registry("mode", "modes")
