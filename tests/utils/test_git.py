"""What git says, which is asked once in a process."""

import subprocess
from pathlib import Path

import pytest

from utils.git import git


def test_each_question_is_asked_once_in_each_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, run = [], subprocess.run

    def noted(command: list[str], **options: object) -> object:
        asked.append((command, options["cwd"]))
        return run(["echo", f"in {options['cwd']}"], **options)

    monkeypatch.setattr(subprocess, "run", noted)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        assert [git(folder, "status", "--short") for _ in range(3)] == [f"in {folder}"] * 3
    assert asked == [(["git", "status", "--short"], folder) for folder in folders]


def test_where_there_is_no_repository_nothing_is_said(tmp_path: Path) -> None:
    assert git(tmp_path, "rev-parse", "HEAD") is None
