#!/usr/bin/env python3
"""Podium: from config.ini to a submission. ``python run.py --help`` shows how."""

import argparse
import sys
from pathlib import Path

EXAMPLES = """\
examples:
  python run.py                                  train by config.ini
  python run.py --mode infer                     write submission.csv with the newest finished run
  python run.py --mode infer --run 003           ... with version 003 of the run that config.ini names
  python run.py --mode pseudo                    label images for another run to train on
  python run.py --folds all                      every fold as one run, scored out of fold (or 0,2,4)
  python run.py --folds all --seeds 3            ... each of them three times: seed, seed + 1, seed + 2
  python run.py --mode ensemble 001 x/002        one prediction out of several finished runs
  python run.py --mode compare 001 002           is the second run better? with runs by version or path
  python run.py --resume                         go on with the newest run that did not finish
  python run.py --mode list                      everything that a config can choose, with its options
  python run.py --config recipes/mask/scratch_15_minutes.ini
                                                 another config
  python run.py --set train.epochs=3 --set optimizer.lr=1e-4 --set loss.age.smoothing=0.2
                                                 change single values; --set may be repeated

exit codes: 0 done, 2 the config or command line is wrong, 3 the data is wrong,
            4 stopped and can be resumed, 1 anything else

Paths can come from the environment or a file .env: PODIUM_DATA, PODIUM_RUNS, PODIUM_CACHE.
Look at runs with: tensorboard --logdir runs
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Train an image classifier by a config file and write a competition submission.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--mode", default="train", help="train (the default), infer, pseudo, ensemble, compare or list"
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config.ini"),
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
        metavar="VERSION|PATH",
        help="which run to resume or to predict with (default: newest)",
    )
    parser.add_argument(
        "runs", nargs="*", metavar="RUN", help="versions or paths, for --mode compare (two) or ensemble"
    )
    parsed = parser.parse_intermixed_args(arguments)
    given = {"folds": parsed.folds, "seeds": parsed.seeds}
    parsed.overrides += [f"run.{key}={value}" for key, value in given.items() if value is not None]
    return parsed


def main(arguments: list[str]) -> int:
    """Run one mode; return the exit code."""
    parsed = parse(arguments)
    # Imported late: torch and timm take seconds, --help should not.
    from modes.mode import MODES
    from utils.device import keep_freed_memory
    from utils.errors import ConfigError, PodiumError, unknown_name
    from utils.logs import log_to_terminal
    from utils.seeds import make_deterministic

    log_to_terminal()
    make_deterministic()
    keep_freed_memory()
    try:
        names = {name.lower(): name for name in MODES.names()}
        if parsed.mode not in names:
            raise ConfigError(f"--mode: {unknown_name('mode', parsed.mode, names)}")
        mode = MODES.get(names[parsed.mode])()
        if parsed.runs and not mode.takes_runs:
            raise ConfigError(f"--mode {parsed.mode} takes no runs, but got: {' '.join(parsed.runs)}")
        mode.run(parsed)
    except PodiumError as error:
        print(f"{error.name}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone, as in ``| head``
        sys.stderr.close()
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
