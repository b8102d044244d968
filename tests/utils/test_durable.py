"""A file is whole under its name or not there at all, also when its writer is killed; and locks."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from utils.durable import (
    lock,
    remove_leftovers,
    sha256_of,
    sha256_of_text,
    write_durably,
    write_json,
    write_text,
)
from utils.errors import DataError, WriteFailed
from utils.read_json import read_json

REPOSITORY = Path(__file__).resolve().parents[2]

DIE_WHILE_WRITING = """
import os, sys
from pathlib import Path
from utils.durable import write_durably

def write(temporary):
    temporary.write_text("half of the new")
    os._exit(9)

write_durably(Path(sys.argv[1]), write)
"""
HOLD_THE_LOCK = """
import sys
from pathlib import Path
from utils.durable import lock
from utils.errors import DataError

with lock(Path(sys.argv[1]), wait=False) as got:
    print("got" if got else "not", flush=True)
    sys.stdin.read()
"""


def die_while_writing(path):
    done = subprocess.run([sys.executable, "-c", DIE_WHILE_WRITING, path], cwd=REPOSITORY, timeout=60)
    assert done.returncode == 9


def test_a_write_that_is_killed_leaves_the_old_file(tmp_path):
    path = tmp_path / "scores.json"
    write_text(path, "old")
    die_while_writing(path)
    assert path.read_text() == "old"


def test_a_first_write_that_is_killed_leaves_no_file_of_that_name(tmp_path):
    die_while_writing(tmp_path / "scores.json")
    assert not (tmp_path / "scores.json").exists()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "scores.json"
    write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(WriteFailed, match=rf"{path} can't be written: disk full\."):
        write_durably(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["scores.json"]  # noqa: PTH208


def test_the_bytes_are_on_disk_before_they_get_their_name(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("fsync"), fsync(handle)))
    monkeypatch.setattr(Path, "replace", lambda old, new: (events.append("name"), replace(old, new)))
    write_text(tmp_path / "a.txt", "text")
    assert events == ["fsync", "name", "fsync"]  # of the file, and then of the folder
    assert (tmp_path / "a.txt").read_text() == "text"


def test_text_is_utf8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "a.txt", "마스크\r\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == "마스크\r\nb\n".encode()


def test_json_that_is_not_json_is_refused_before_the_old_file_goes(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": [1, "가"]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": [1, "가"]}
    assert json.loads(path.read_text(encoding="utf-8")).keys() == {"a", "digest"}


@pytest.mark.parametrize("digest", [sha256_of, sha256_of_text])
def test_the_digest_of_what_cannot_be_read_is_refused_by_its_name(tmp_path, digest):
    with pytest.raises(DataError, match=rf"There is no file {tmp_path}/a"):
        digest(tmp_path / "a")
    with pytest.raises(DataError, match=rf"{tmp_path} can't be read: Is a directory"):
        digest(tmp_path)


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "a") == expected


def test_a_lock_held_by_another_process_is_not_got_and_is_free_when_that_is_killed(tmp_path):
    path = tmp_path / "run.lock"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, path],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout.readline() == "got\n"
        with lock(path, wait=False) as got:
            assert not got
        other.kill()
        other.wait()
        with lock(path, wait=False) as got:
            assert got
    assert path.exists()  # the file may stay: the kernel's lock counts, not the file


@pytest.mark.parametrize("call", ["fsync", "open", "write_bytes", "replace", "unlink"])
def test_a_failed_call_of_any_kind_is_one_line_with_the_file_and_the_reason(tmp_path, monkeypatch, call):
    path = tmp_path / "scores.json"
    write_text(path, "old")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os if call in ("fsync", "open") else Path, call, full)
        with pytest.raises(WriteFailed) as failed:
            write_text(path, "new")
    assert str(failed.value) in {
        f"{place} can't be written: No space left on device." for place in (path, tmp_path)
    }
    assert failed.value.exit_code == 4
    assert path.read_text() in ("old", "new")


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
def test_permissions_follow_the_users_umask_also_of_files_that_a_library_makes(tmp_path, umask):
    def private(temporary):
        temporary.unlink()
        temporary.write_text("made anew")
        temporary.chmod(0o600)

    before = os.umask(umask)
    try:
        write_text(tmp_path / "a", "text")
        write_durably(tmp_path / "b", private)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [0o666 & ~umask] * 2


def test_what_killed_processes_left_half_written_goes_and_what_lives_stays(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone = [f".scores.json.{dead.pid}.tmp", ".tmpa1B2c3", ".measure-xy"]
    stays = [f".scores.json.{os.getppid()}.tmp", ".lock", ".hidden", "scores.json", ".tmpfile"]
    for name in (*gone, *stays):
        (tmp_path / name).mkdir() if "measure" in name else (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stays)


def test_writing_a_file_removes_what_a_killed_process_left_of_it(tmp_path):
    die_while_writing(tmp_path / "scores.json")
    assert len(list(tmp_path.iterdir())) == 1
    write_text(tmp_path / "scores.json", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]
