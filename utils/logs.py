"""What a run says, to the terminal and into its folder."""

import logging
import sys
from pathlib import Path

from tqdm import tqdm

log = logging.getLogger("podium")


class _BesideBars(logging.Handler):
    """Prints to standard output without breaking a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stdout)
        sys.stdout.flush()


def log_to_terminal() -> None:
    """Print what is logged; called once, by run.py."""
    if not any(isinstance(handler, _BesideBars) for handler in log.handlers):
        log.addHandler(_BesideBars())
    log.setLevel(logging.INFO)


def log_to_file(path: Path) -> None:
    """Append what is logged from now on to a run's ``log.txt``."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for old in [h for h in log.handlers if isinstance(h, logging.FileHandler)]:
        log.removeHandler(old)
        old.close()
    log.addHandler(handler)
