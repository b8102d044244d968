"""scores.json, which shows that a run is complete: what it may say, and where it is read."""

from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.forms import COUNT, NUMBER, OBJECT, TEXT, Form, any_of, by_name, list_of
from utils.read_json import read_json

FILE = "scores.json"
LIMITS = by_name(list_of(NUMBER, 2))  # of 95 % intervals
TUNING = by_name(list_of(NUMBER))
_FORM: Form = {
    "scores": by_name(NUMBER),
    "intervals": LIMITS,
    "lower_is_better": list_of(TEXT),
    "best_epoch": COUNT,
    "best_by": OBJECT,
    "of_folds": by_name(by_name(NUMBER)),
    "tuning": TUNING,
    "files": by_name(TEXT),
    "final": TEXT,
    "leak": any_of(list_of(OBJECT), by_name(list_of(OBJECT))),
}


def read_scores(folder: Path, *needs: str) -> dict[str, Any]:
    """Return what is in the scores.json of a finished run; ``needs``: keys that must be there.

    Raises:
        DataError: it can't be read, or is not what a run writes.
    """
    advice = f"Bring it back, or delete it: --resume --run {folder} writes that of a trained run again."
    scores = read_json(folder / FILE, advice, form=_FORM, needs=needs)
    if not scores.keys() & {"scores", "final"}:  # one of which every run writes
        raise DataError(f"{folder / FILE} is damaged: it has neither scores nor final. {advice}")
    return scores
