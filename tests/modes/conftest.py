"""What tests of finished runs share."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def work(trained: Path, tmp_path: Path) -> Path:
    """A copy of a module's ``trained`` folder whose runs a test may change; data and cache stay there."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    text = (trained / "config.ini").read_text(encoding="utf-8")
    moved = text.replace(f"runs = {trained}", f"runs = {tmp_path}")
    (tmp_path / "config.ini").write_text(moved, encoding="utf-8")
    return tmp_path
