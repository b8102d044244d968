"""The pages of a review."""

from pathlib import Path
from typing import Any

from utils import web_page

_FOLDER = Path(__file__).parent / "pages"


def script_page(name: str, data: Any) -> str:
    """Return the page of the files ``name.html``, ``.css`` and ``.js``, which reads ``data`` as JSON."""
    return web_page.script_page(_FOLDER, name, data)


def plain_page(title: str, style_name: str, body: str) -> str:
    """Return a page without any script; ``body`` is HTML."""
    return web_page.plain_page(title, _FOLDER / f"{style_name}.css", body)
