#!/usr/bin/env python3
"""Podium: from config.ini to a submission. ``python run.py --help`` shows how."""

import sys
from argparse import ArgumentParser, Namespace

if sys.version_info < (3, 11):  # noqa: UP036 - an older one would fail at the first import that is too new
    sys.exit(f"Podium needs Python 3.11 or newer, and {sys.executable} is {sys.version.partition(' ')[0]}.")

from utils import garbage, signals
from utils.shared_cores import set_up_threads

if __name__ == "__main__":  # before anything that takes time: a signal always means the same
    signals.handle(importing=True)
    set_up_threads()  # before torch is imported
    garbage.put_off()

from experiment.command_line import common_parser, in_words, overview, parse, train_options
from utils.errors import PodiumError
from utils.printable import legible, printable
from utils.terminal import Guarded, guarded_terminal


def main(arguments: list[str]) -> int:
    """Run one mode; return the exit code."""
    with signals.handled(importing=True), guarded_terminal() as output:
        try:
            code = _run(arguments, output)
        except KeyboardInterrupt as stop:
            signals.ending()
            print(f"Interrupted{f' by {stop}' if str(stop) else ''}.", file=sys.stderr)
            code = signals.EXIT_CODE
        signals.ending()
    return code


def _run(arguments: list[str], output: Guarded) -> int:
    parser = common_parser()
    try:
        first, _ = parser.parse_known_args(arguments)
        if first.help and first.mode is None:
            train_options(parser)  # what --mode is without a name
            parser.epilog = overview()
            parser.print_help()
            return _answered(output)
        return _do(first, parser, arguments, output)
    except (PodiumError, UnicodeEncodeError, OSError, ModuleNotFoundError) as error:
        signals.ending()
        text, code = in_words(error, arguments)
        print(legible(printable(text)), file=sys.stderr)
        return code


def _do(first: Namespace, parser: ArgumentParser, arguments: list[str], output: Guarded) -> int:
    """Do what the mode does, or say what it would."""
    # Imported late: torch and timm take seconds, --help should not.
    from experiment.mode import mode_named
    from utils.device import keep_freed_memory
    from utils.docstrings import told
    from utils.logs import log_to_terminal
    from utils.seeds import make_deterministic

    log_to_terminal()
    make_deterministic()
    keep_freed_memory()

    mode = mode_named("train" if first.mode is None else first.mode)
    signals.imported()
    garbage.look_again()
    mode.options(parser)
    if first.help:
        parser.description = told(mode)
        parser.print_help()
        return _answered(output)

    mode().run(parse(parser, mode, arguments))
    return _answered(output) if mode.answers else 0


def _answered(output: Guarded) -> int:
    """Return the exit code of what only prints: nobody got what could not be printed."""
    output.flush()
    return 1 if output.failure else 0


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    signals.ignore()
    sys.exit(exit_code)
