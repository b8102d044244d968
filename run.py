#!/usr/bin/env python3
"""Podium: from config.ini to a submission. ``python run.py --help`` shows how."""

import sys

from modes.command_line import common_parser, parse, train_options


def main(arguments: list[str]) -> int:
    """Run one mode; return the exit code."""
    parser = common_parser()
    first, _ = parser.parse_known_args(arguments)
    if first.help and first.mode is None:
        train_options(parser)  # what --mode is without a name
        parser.print_help()
        return 0
    # Imported late: torch and timm take seconds, --help should not.
    from modes.mode import mode_named
    from utils.device import keep_freed_memory
    from utils.errors import PodiumError
    from utils.logs import log_to_terminal
    from utils.printable import printable
    from utils.seeds import make_deterministic

    log_to_terminal()
    make_deterministic()
    keep_freed_memory()
    try:
        name = first.mode or "train"
        mode = mode_named(name)
        mode.options(parser)
        if first.help:
            parser.description, parser.epilog = mode.__doc__, None
            parser.print_help()
            return 0
        mode().run(parse(parser, name, arguments))
    except PodiumError as error:
        print(printable(f"{error.name}: {error}"), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone, as in ``| head``
        sys.stderr.close()
    except OSError as error:
        if error.filename is None:
            raise
        print(printable(f"{error.filename}: {error.strerror}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
