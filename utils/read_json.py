"""JSON files of our own, read again: what is damaged is refused by name."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from utils.durable import digest_of
from utils.errors import DataError
from utils.forms import Form, misfit


def read_json(
    path: Path,
    advice: str = "Bring it back from a copy, or write it anew.",
    *,
    form: Form | None = None,
    needs: Collection[str] = (),
) -> dict[str, Any]:
    """Return the object in a file that ``write_json`` wrote, without its digest.

    Files from before there were digests have none to check.

    Args:
        advice: what to do about a file that can't be used.
        form: the kinds of its values.
        needs: keys that must be there.

    Raises:
        DataError: it is not there, can't be read, is no JSON object, was changed since it was written, or
            holds something else than it should.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"There is no file {path}. {advice}") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}. {advice}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}. {advice}") from None
    if not isinstance(values, dict):
        raise DataError(f"{path} is damaged: it holds no object. {advice}")

    last = next(reversed(values), "")  # where the digest stands, also if the key itself was damaged
    digest = values.pop("digest", None)
    changed = digest != digest_of(values) if digest is not None else _is_digest(values.get(last))
    if changed:
        raise DataError(f"{path} is damaged: it was changed after it was written. {advice}")

    missing = [key for key in needs if key not in values]
    wrong = f"it does not say {', '.join(missing)}" if missing else misfit(values, form or {})
    if wrong:
        raise DataError(f"{path} is damaged: {wrong}. {advice}")
    return values


def read_json_lines(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Return the objects in a file of one JSON object a line, up to a damaged one, and what is wrong with it.

    A file that is not there has none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return [], ""
    except (OSError, ValueError) as error:
        return [], f"{path} can't be read: {error}."

    values: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            return values, f"{path} line {number} is damaged: it holds no JSON object."
        values.append(value)
    return values, ""


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None
