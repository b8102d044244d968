"""Which tests CI may leave out, by what git says of a clone."""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

NETS = Path(__file__).parent.parent / ".ci" / "nets"
LEFT_OUT = "and not nets"
git_needed = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


class Clone:
    """A clone of a project of 25 commits, none of which touches a model."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.origin, self.folder = folder / "origin", folder / "clone"
        shutil.copytree(long_history(), self.origin)
        self.git(folder, "clone", "-q", *options, f"file://{self.origin}", str(self.folder))

    @staticmethod
    def git(folder: Path, *words: str) -> None:
        names = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *names, *words], cwd=folder, check=True, capture_output=True)

    @classmethod
    def commit(cls, folder: Path, *files: str) -> None:
        if not folder.exists():
            folder.mkdir()
            cls.git(folder, "init", "-q")
        for name in files:
            cls.write(folder / name, name)
        cls.git(folder, "add", "-A")
        cls.git(folder, "commit", "-qm", files[0])

    @staticmethod
    def write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "nets":
            shutil.copy(NETS, path)
        else:
            path.write_text(text, encoding="utf-8")

    @property
    def answer(self) -> str:
        command = [str(self.folder / ".ci" / "nets")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.strip()


@cache
def long_history() -> Path:
    """Return a repository of 25 commits, made once: each is three processes of git."""
    folder = Path(tempfile.mkdtemp(prefix="podium-history-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Clone.commit(folder / "origin", "models/net.py", "requirements.txt", ".ci/nets")
    for number in range(25):
        Clone.commit(folder / "origin", f"docs/{number}.md")
    return folder / "origin"


@git_needed
def test_the_nets_are_left_out_where_a_long_history_shows_that_nothing_changed(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    assert clone.answer == LEFT_OUT
    clone.git(clone.folder, "checkout", "-qb", "branch")
    clone.commit(clone.folder, "dataset/reader.py")
    assert clone.answer == LEFT_OUT


@git_needed
@pytest.mark.parametrize("name", ["models/heads/new.py", "models/net.py", "requirements-export.txt"])
@pytest.mark.parametrize("state", ["branch", "main", "uncommitted"])
def test_the_nets_are_tested_where_something_of_theirs_changed(name: str, state: str, tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    if state == "uncommitted":
        clone.write(clone.folder / name, "changed")
    else:
        if state == "branch":
            clone.git(clone.folder, "checkout", "-qb", "branch")
        clone.write(clone.folder / name, "changed")
        clone.commit(clone.folder, "docs/beside.md")
        clone.commit(clone.folder, "docs/last.md")  # the newest commit alone touches no model
    if state == "main":
        clone.git(clone.folder, "push", "-q", "origin", "HEAD:refs/heads/pushed")
        clone.git(clone.folder, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/pushed")
    assert clone.answer == ""


@git_needed
def test_the_nets_are_tested_where_git_can_not_tell(tmp_path: Path) -> None:
    shallow = Clone(tmp_path, "--depth", "3")
    assert shallow.answer == ""

    shutil.rmtree(shallow.folder / ".git")  # an unpacked archive
    assert shallow.answer == ""
    (tmp_path / "no").mkdir()
    short = Clone(tmp_path / "no")
    short.git(short.folder, "checkout", "-q", "HEAD~10")  # of another state than what the main branch has
    short.git(short.folder, "update-ref", "refs/remotes/origin/HEAD", "HEAD")
    assert short.answer == ""


@git_needed
def test_the_nets_are_tested_where_the_sources_lie_in_another_repository(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    inside = clone.folder / "podium"
    clone.commit(clone.folder, "podium/models/net.py", "podium/.ci/nets")
    done = subprocess.run([str(inside / ".ci" / "nets")], capture_output=True, text=True, check=True)
    assert done.stdout == ""
