"""What each mode does in a line, read from the source: ``--help`` must not wait for torch to be imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_FIRST = ("train", "infer", "list")  # what people want most, before the others by their names
_MARK = "@MODES.register"


def mode_lines() -> dict[str, str]:
    """Return the first line of each mode's docstring by the mode's name, the shipped three first."""
    files = [*_ROOT.glob("experiment/*.py"), *_ROOT.glob("tools/*/*.py")]
    lines = {name.lower(): line for file in files for name, line in _modes(file)}
    return {name: lines[name] for name in sorted(lines, key=_rank)}


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _modes(file: Path) -> Iterator[tuple[str, str]]:
    """Yield name and first line of each class of a file that is registered as a mode."""
    text = file.read_text(encoding="utf-8")
    if _MARK not in text:
        return
    for node in ast.parse(text).body:
        if not isinstance(node, ast.ClassDef):
            continue
        if _MARK in {f"@{ast.unparse(decorator)}" for decorator in node.decorator_list}:
            yield node.name, (ast.get_docstring(node) or "").partition("\n")[0].replace("``", "")
