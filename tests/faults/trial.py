"""One trial: a fault, then what its user does next, and whether the result is that of an undisturbed run."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.competition import leftovers, results
from tests.faults.forked import Result, Words, podium
from tests.faults.storage import MEMORY, Call, NoFault
from tests.faults.uses import Use, copy_state

GOOD = ("equal", "refused", "warned")
_TIMES = re.compile(r"[\d.]+ (img/s|s|ms|min)\b|\d\d:\d\d(:\d\d)?")
_PREFIX = "podium-fault-"  # of the folders in which trials are made
_PLACE = re.compile(rf"/\S*/{_PREFIX}[^/\s]+")
_EPOCH = re.compile(r"^Epoch (\d+)/\d+ .*", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What came of a trial."""

    part: str  # of the harness
    use: str
    fault: str
    verdict: str  # one of GOOD, or what is wrong
    note: str = ""

    @property
    def good(self) -> bool:
        return self.verdict in GOOD


@dataclass(frozen=True)
class Undisturbed:
    """What a use does and leaves when nothing goes wrong."""

    calls: list[Call]
    read: set[str]
    results: dict[str, str]
    made: set[str]  # the results that the command itself has written
    text: str
    epochs: int  # lines of epochs that were printed


@dataclass
class Place:
    """A folder that holds a copy of a state while a trial lasts."""

    states: Path
    root: Path = field(default_factory=Path)

    def __enter__(self) -> "Place":
        self._folder = tempfile.TemporaryDirectory(dir=MEMORY, prefix=_PREFIX, ignore_cleanup_errors=True)
        self.root = Path(self._folder.name) / "work"
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def undisturbed(states: Path, use: Use) -> Undisturbed:
    """Return what a use does and leaves when nothing goes wrong."""
    with Place(states) as place:
        copy_state(states, use.state, place.root)
        before = results(place.root)
        result = podium(place.root, use.words)
        _must_end_well(use.words, result)
        after = results(place.root)
        made = {name for name, digest in after.items() if before.get(name) != digest} | {
            call.target for call in result.calls if call.kind == "rename"
        }
        epochs = len(_EPOCH.findall(result.text))
        for words in use.then:
            _must_end_well(words, podium(place.root, words))
        if use.makes and not (place.root / use.makes / "scores.json").exists():
            raise RuntimeError(f"{use.name} makes no run {use.makes}")
        text = steady(result.text)
        return Undisturbed(result.calls, result.read, results(place.root), made, text, epochs)


def _must_end_well(words: Words, result: Result) -> None:
    if result.code:
        raise RuntimeError(f"{' '.join(words) or 'training'} ended with {result.code}: {result.text[-2000:]}")


def steady(text: str) -> str:
    """Return what was printed without times, and without the folder in which it was."""
    return _PLACE.sub("", _TIMES.sub("", text))


def disturb(
    states: Path,
    use: Use,
    fault: NoFault | None,
    *,
    meanwhile: Callable[[int], None] | None = None,
    judge: Callable[[Result], str] = lambda _: "",
) -> tuple[str, str]:
    """Return the verdict, and a note, on a use that is disturbed once and gone on with.

    Args:
        judge: says what is wrong with how the disturbed command ended; "" = nothing.
    """
    with Place(states) as place:
        copy_state(states, use.state, place.root)
        first = podium(place.root, use.words, fault, meanwhile=meanwhile)
        wrong = judge(first)
        verdict, note = go_on(place.root, use, known(states, use), first)
        if verdict == "equal" and wrong:
            return wrong, f"{first.code}: {first.end}"
        return verdict, note


def go_on(root: Path, use: Use, expected: Undisturbed, first: Result | None = None) -> tuple[str, str]:
    """Return the verdict on what a folder becomes when its user goes on.

    Args:
        first: how the disturbed command ended.
    """
    commands, last = use.again(root), first
    said = [first.text if first else ""]
    for words in (*commands, *use.then):
        last = podium(root, words)
        if words in commands:
            said.append(last.text)
        if last.hung:
            return "hang", " ".join(words)
        if last.traceback:
            return "traceback", f"going on with {' '.join(words)}: {last.last}"
        if last.code:
            return "not resumable", f"{' '.join(words)}: {last.code}: {last.last}"
    if different := differing(expected.results, results(root)):
        return "different", " ".join(different)
    if use.says and commands and steady(said[-1]) != expected.text:
        return "different", "what it prints"
    if first and len(_EPOCH.findall("\n".join(said))) > expected.epochs:
        return "epoch lost", "an epoch was printed twice"
    if left := leftovers(root):
        return "left behind", " ".join(left)
    return "equal", ""


def differing(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return the results that are missing, changed or too many."""
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


_known: dict[str, Undisturbed] = {}  # by the use's name; filled before the workers are forked


def known(states: Path, use: Use, *, repeated: bool = True) -> Undisturbed:
    """Return what a use leaves undisturbed, found out once.

    Args:
        repeated: it is done twice. Otherwise a use that never does the same again fails in its trials.

    Raises:
        RuntimeError: it is not the same when it is repeated.
    """
    if use.name not in _known:
        first = undisturbed(states, use)
        second = undisturbed(states, use) if repeated else first
        if different := differing(first.results, second.results):
            raise RuntimeError(f"{use.name} does not repeat itself: {', '.join(different)}")
        _known[use.name] = first
    return _known[use.name]
