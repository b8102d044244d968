"""The part that damages each file which a run leaves, in every way, before each use that opens it.

Each must end in the same result, in a refusal that names the file, or in a warning that does.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.competition import results
from tests.faults.forked import Result, podium
from tests.faults.trial import Outcome, Place, Undisturbed, known, steady
from tests.faults.uses import USES, Use, copy_state

REFUSED = (2, 3, 4)
# What a run that is resumed has to do without: it is written again, or there is one before it.
REBUILT = ("log.txt", "metrics.jsonl", "class_table.csv", "split.csv")
_NO_READERS = ("train", "train with TensorBoard", "train, images as JPEG")  # they begin with nothing
READERS = tuple(name for name in USES if name not in _NO_READERS)
_Change = Callable[[bytes, random.Random], bytes]


def _flipped(data: bytes, place: float) -> bytes:
    changed = bytearray(data)
    changed[min(len(data) - 1, int(len(data) * place))] ^= 1 << 4
    return bytes(changed)


def _line_less(data: bytes, generator: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[generator.randrange(len(lines))]
    return b"".join(lines)


def _digit(data: bytes, generator: random.Random) -> bytes:
    places = [match.start() for match in re.finditer(rb"\d", data)]
    if not places:
        return data
    place = generator.choice(places)
    other = (int(data[place : place + 1]) + generator.randint(1, 9)) % 10
    return data[:place] + str(other).encode() + data[place + 1 :]


ANY: dict[str, _Change] = {
    "empty": lambda data, _: b"",
    "cut": lambda data, _: data[: len(data) // 2],
    "last byte gone": lambda data, _: data[:-1],
    "a bit at the start": lambda data, _: _flipped(data, 0),
    "a bit in the middle": lambda data, g: _flipped(data, g.uniform(0.2, 0.8)),
    "a bit at the end": lambda data, _: _flipped(data, 1),
    "zeros": lambda data, _: bytes(len(data)),
    "random bytes": lambda data, g: g.randbytes(len(data)),
    "longer": lambda data, g: data + g.randbytes(7),
}
TEXT: dict[str, _Change] = {
    "a line less": _line_less,
    "a digit changed": _digit,
    "another digit changed": _digit,
    "a line twice": lambda data, _: data + b"".join(data.splitlines(keepends=True)[-1:]),
}
JSON: dict[str, _Change] = {
    "null": lambda *_: b"null",
    "a list": lambda *_: b"[]",
    "a number": lambda *_: b"7",
    "a text": lambda *_: b'"text"',
    "no keys": lambda *_: b"{}",
    "deep": lambda *_: b"[" * 100_000,
}
# What people write and merge: no digest can tell another number in it from theirs.
_WRITTEN_BY_PEOPLE = {"submissions.csv": ("a bit in the middle", "a digit changed", "another digit changed")}
_OURS = ("runs/", "cache/", "submissions.csv")
NO_FILE = ("removed", "a folder in its place")
_WRONG = {"null": None, "a list": [[]], "a text": "text", "a number": -1}  # in place of one value


def kinds(path: Path) -> dict[str, _Change]:
    """Return the kinds of damage that a file can have."""
    found = dict(ANY)
    if path.suffix in (".csv", ".json", ".jsonl", ".ini", ".txt"):
        found |= TEXT
    if path.suffix == ".json":
        found |= JSON
        values = json.loads(path.read_text(encoding="utf-8"))
        for number, key in enumerate(key for key in values if key != "digest"):
            name, value = list(_WRONG.items())[number % len(_WRONG)]
            found[f"{key}: {name}"] = _replacing(key, value, forged=False)
            if "digest" in values:
                found[f"{key}: {name}, and a digest that fits"] = _replacing(key, value, forged=True)
    return found


def _replacing(key: str, value: object, *, forged: bool) -> _Change:
    def change(data: bytes, _: random.Random) -> bytes:
        values = json.loads(data) | {key: value}
        if forged:
            rest = {name: of for name, of in values.items() if name != "digest"}
            values["digest"] = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
        return json.dumps(values).encode()

    return change


@dataclass(frozen=True)
class DamageTrial:
    """Damage a file of a state, then use it."""

    use: str
    file: str
    kind: str
    part: str = "Damaged"

    def run(self, states: Path) -> Outcome:
        use = USES[self.use]
        with Place(states) as place:
            copy_state(states, use.state, place.root)
            if not self._damage(place.root / self.file):
                return Outcome(self.part, self.use, f"{self.kind}: {self.file}", "equal", "nothing to damage")
            result = podium(place.root, use.words)
            verdict, note = self._verdict(use, known(states, use), result, results(place.root))
        return Outcome(self.part, self.use, f"{self.kind}: {self.file}", verdict, note)

    def _damage(self, path: Path) -> bool:
        data = path.read_bytes()
        if self.kind in NO_FILE:
            path.unlink()
            if self.kind != "removed":
                path.mkdir()
            return True
        changed = kinds(path)[self.kind](data, random.Random(f"{self.file} {self.kind}"))
        path.write_bytes(changed)
        return changed != data

    def _verdict(
        self, use: Use, expected: Undisturbed, result: Result, found: dict[str, str]
    ) -> tuple[str, str]:
        if result.hung or result.traceback:
            return ("hang" if result.hung else "traceback"), result.last
        noticed = self._names_it(result.text, expected.text)
        if result.code:
            return self._refused(use, result, noticed)
        different = [
            name for name in sorted(expected.made & expected.results.keys())
            if expected.results[name] != found.get(name)
        ]  # fmt: skip
        if use.says and self._other_text(steady(result.text), expected.text):
            different.append("what it prints")
        if different:
            return ("warned" if noticed else "unnoticed"), " ".join(different)
        return "equal", ""

    def _refused(self, use: Use, result: Result, noticed: bool) -> tuple[str, str]:
        if result.code not in REFUSED:
            return "wrong code", f"{result.code}: {result.last}"
        path = Path(self.file)
        # A run whose file is gone or is of another run may be called by its folder.
        run = path.parent.name if self.kind in NO_FILE else str(path.parent)
        if not noticed and run not in result.text:
            return "unclear", result.end
        rebuilt = path.name in REBUILT or path.parts[0] == "cache" or "checkpoints" in path.parts
        if use.words == ("--resume",) and rebuilt and result.code != 4:
            return "not resumable", result.last
        return "refused", result.last

    def _names_it(self, text: str, usual: str) -> bool:
        """Return whether a line that is not printed otherwise names the file, or what it is a part of."""
        path = Path(self.file)
        names = [path.name]
        if "checkpoints" in path.parts:
            names = [path.stem, str(path.parent)]
        if path.parts[0] == "cache":
            names.append(path.parts[1])
        new = set(steady(text).splitlines()) - set(usual.splitlines())
        return any(name in line for name in names for line in new)

    def _other_text(self, text: str, usual: str) -> bool:
        """Return whether something was printed that differs, beside lines about the file itself."""
        name = Path(self.file).stem
        lines = [line for line in text.splitlines() if name not in line]
        return lines != [line for line in usual.splitlines() if name not in line]


def damages(states: Path, use: Use) -> Iterator[DamageTrial]:
    """Yield every kind of damage of every file that a use opens, in the state that it starts from."""
    for file in sorted(known(states, use).read):
        path = states / use.state / file
        if path.is_file() and not path.name.endswith(".lock") and file.startswith(_OURS):
            usual = _WRITTEN_BY_PEOPLE.get(path.name, ())
            for kind in (*kinds(path), *NO_FILE):
                if kind not in usual:
                    yield DamageTrial(use.name, file, kind)
