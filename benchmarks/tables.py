"""Makes the tables of docs/performance.md from docs/performance.jsonl: ``python -m benchmarks.tables``.

In the page a table stands between ``<!-- NAME -->`` and ``<!-- end -->``; what is around it is written by
hand and stays as it is.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import TABLES, Figure, Target, number, verdict

PAGE = Path("docs/performance.md")
LINES = Path("docs/performance.jsonl")
JsonLine = dict[str, Any]
_PLACE = re.compile(r"<!-- (?P<name>[a-z_]+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(page: str, lines: Sequence[JsonLine]) -> str:
    """Return a page with every table in it made anew.

    Raises:
        ValueError: the page asks for a table that there is not.
    """

    def made(mark: re.Match[str]) -> str:
        name = mark["name"]
        if name not in MAKERS:
            raise ValueError(f"There is no table {name!r}: choose from {', '.join(MAKERS)}.")
        body = MAKERS[name](lines) or "Not measured yet."
        return f"<!-- {name} -->\n{body}\n<!-- end -->"

    return _PLACE.sub(made, page)


def write(lines: Path = LINES, page: Path = PAGE) -> None:
    """Make the tables of a page from a file of lines."""
    values = [json.loads(text) for text in lines.read_text(encoding="utf-8").splitlines()]
    page.write_text(filled(page.read_text(encoding="utf-8"), values), encoding="utf-8")


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; an empty text when it has no rows."""
    cells = [" | ".join(text.replace("|", "\\|") for text in row) for row in rows]
    if not cells:
        return ""
    return "\n".join(f"| {row} |" for row in (" | ".join(head), " | ".join("---" for _ in head), *cells))


def _machine(lines: Sequence[JsonLine]) -> str:
    facts = next((line for line in lines if line["kind"] == "machine"), {})
    data = sorted({line["data"] for line in lines if "data" in line})
    named = {name: str(value) for name, value in facts.items() if name != "kind"}
    return markdown(("what", "which"), [*named.items(), ("images", ", ".join(data))]) if facts else ""


def _targets(lines: Sequence[JsonLine]) -> str:
    judged = [line for line in lines if line.get("target") and line["kind"] in ("ratio", "figure")]
    judged += [line for limited in lines if "runs" in limited for line in _of_limits(limited)]
    return markdown(
        ("what", "against", "Podium", "peer", "ratio", "target", "verdict"), map(_judged_cells, judged)
    )


def _of_limits(line: JsonLine) -> list[JsonLine]:
    """Return the rows of benchmarks/time_limit.py, whose line holds every run with its limit."""
    count = len(line["runs"])
    rows = [
        Figure(
            benchmark="time_limit",
            what=f"run with a time limit: wall clock over limit, {what} of {count}",
            unit="of 1",
            values=[line[key]],
            target=target,
        )
        for what, key, target in (
            ("largest", "max", Target(1.0, at_least=False)),
            ("median", "median", Target(0.9)),
        )
    ]

    faults = Figure(
        benchmark="time_limit",
        what="run with a time limit: without a valid checkpoint and submission",
        unit=f"of {count}",
        values=[line["faults"]],
        target=Target(0, at_least=False),
    )

    return [row.line() for row in (*rows, faults)]


def _others(lines: Sequence[JsonLine]) -> str:
    rest = [line for line in lines if not line.get("target") and line["kind"] in ("ratio", "figure")]
    head = ("what", "against", "Podium", "peer", "ratio")
    return markdown(head, (_judged_cells(line)[: len(head)] for line in rest))


def _judged_cells(line: JsonLine) -> tuple[str, ...]:
    podium = f"{number(line['podium'])} {line['unit']}"
    if line["kind"] == "figure":
        return line["what"], "", podium, "", "", f"{line['target']} {line['unit']}", verdict(line)
    peer = f"{number(line['peer'])} {line['unit']}"
    against = line["against"] + (f" ({line['settings']})" if "settings" in line else "")
    return line["what"], against, podium, peer, f"{line['ratio']:.2f}", line["target"], verdict(line)


def _growth(lines: Sequence[JsonLine]) -> str:
    head, cells = TABLES["growth"]
    return markdown(head, (cells(line) for line in lines if line["kind"] == "growth"))


def _start_up(lines: Sequence[JsonLine]) -> str:
    start_up = (line for line in lines if line.get("benchmark") == "start_up" and "parts" in line)
    parts = next(start_up, {"parts": {}})["parts"]
    return markdown(("part", "seconds"), ((part, f"{seconds:.2f}") for part, seconds in parts.items()))


def _profile(lines: Sequence[JsonLine]) -> str:
    profiles = [line for line in lines if line["kind"] == "profile"]
    names = dict.fromkeys(part for line in profiles for part in line["parts"])
    head = ("part of a step", *(f"{line['model']}, {number(line['ms_a_step'])} ms" for line in profiles))
    return markdown(
        head, ((name, *(f"{line['parts'].get(name, 0):.1f} %" for line in profiles)) for name in names)
    )


def _commands(lines: Sequence[JsonLine]) -> str:
    ran = {line["command"]: line for line in lines if "command" in line}
    rows = [
        (f"`{command}`", f"{line['load_before']:g}", str(line.get("took_s", "")))
        for command, line in ran.items()
    ]
    return markdown(("command", "load of the machine before it", "seconds"), rows)


MAKERS: dict[str, Callable[[Sequence[JsonLine]], str]] = {
    "machine": _machine,
    "targets": _targets,
    "others": _others,
    "growth": _growth,
    "start_up": _start_up,
    "profile": _profile,
    "commands": _commands,
}

if __name__ == "__main__":
    write()
