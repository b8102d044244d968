"""Pages that work from a file: everything is inside, and nothing but their own script may run."""

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from typing import Any


def script_page(folder: Path, name: str, data: Any) -> str:
    """Return the page of a folder's ``name.html``, ``.css`` and ``.js``, which reads ``data`` as JSON."""
    style, script = (_text(folder / f"{name}{suffix}") for suffix in (".css", ".js"))
    policy = _policy(style, f"script-src {_digest(script)}")
    parts = {"policy": policy, "style": style, "script": script, "sheet": _inside_script(data)}
    page = _text(folder / f"{name}.html")
    # One after the other from the end of the page on, so that nothing inside a part is filled in again.
    for part in sorted(parts, key=lambda part: -page.index(f"{{{{{part}}}}}")):
        before, after = page.split(f"{{{{{part}}}}}", 1)
        page = before + parts[part] + after
    return page


def plain_page(title: str, style_sheet: Path, body: str) -> str:
    """Return a page without any script; ``body`` is HTML."""
    style = _text(style_sheet)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _policy(style: str, *more: str) -> str:
    rules = ("default-src 'none'", "img-src data:", f"style-src {_digest(style)}", *more)
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _inside_script(data: Any) -> str:
    """Return JSON in which no name can end the script, as ``</script>`` and ``<!--`` would."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
