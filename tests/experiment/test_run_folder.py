"""Each run has a folder of its own, whatever else is there and whoever else asks."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from experiment.run_folder import (
    create_run,
    find_run,
    held,
    read_environment,
    warn_of_other_bits,
    write_environment,
)
from tests.forks import python_process
from utils.durable import write_json
from utils.errors import ConfigError, DataError

CREATE = "import sys; from pathlib import Path; from experiment.run_folder import create_run; "
CREATE += "fill = lambda folder: (folder / 'config.ini').touch(); "
CREATE += "print(*[create_run(Path(sys.argv[1]), 'exp', fill) for _ in range(30)], sep='\\n')"


def fill(folder: Path) -> None:
    (folder / "config.ini").touch()
    (folder / "environment.json").touch()


def create(runs: Path, name: str) -> Path:
    return create_run(runs, name, fill)


def finish(folder: Path) -> Path:
    (folder / "scores.json").touch()
    return folder


def test_a_kill_before_the_config_is_written_leaves_no_run(tmp_path):
    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    first = create(tmp_path, "exp")
    with pytest.raises(KeyboardInterrupt):
        create_run(tmp_path, "exp", killed)
    assert find_run(tmp_path, "exp", None, finished=False) == first
    assert create(tmp_path, "exp").name == "002"


def test_versions_count_up_and_names_that_begin_alike_do_not_collide(tmp_path):
    # defect 10 of a published pipeline: matching by prefix took exp_b's folders for exp's
    assert create(tmp_path, "exp_b").name == "001"
    assert create(tmp_path, "exp_b").name == "002"
    assert create(tmp_path, "exp").name == "001"
    assert create(tmp_path, "exp_b").name == "003"


def test_a_removed_version_in_the_middle_is_not_given_again(tmp_path):
    folders = [create(tmp_path, "exp") for _ in range(3)]
    shutil.rmtree(folders[1])
    (tmp_path / "exp" / "notes").mkdir()
    assert create(tmp_path, "exp").name == "004"


def test_three_processes_at_once_never_get_the_same_folder(tmp_path):
    # defect 10 of a published pipeline: two processes raced for the same folder
    runs = tmp_path / "runs"
    running = [python_process(tmp_path, "-c", CREATE, str(runs)) for _ in range(3)]
    made = [line for process in running for line in process.communicate()[0].split()]
    assert len(made) == 90, [process.communicate() for process in running]
    assert len(set(made)) == 90


def test_the_newest_finished_run_is_found_and_a_path_goes_before_it(tmp_path):
    first, second = (finish(create(tmp_path, "exp")) for _ in range(2))
    create(tmp_path, "exp")  # unfinished
    assert find_run(tmp_path, "exp", None, finished=True) == second
    assert find_run(tmp_path, "exp", "001", finished=True) == first
    assert find_run(tmp_path, "other", str(first), finished=True) == first


@pytest.mark.parametrize("name", ["a/b", "..", ".", "/tmp"])
def test_a_name_that_is_no_folders_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="must be a folder's name"):
        create(tmp_path, name)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Finished runs exp/001, exp/002 with a member, and other/001; the working folder is beside them."""
    folder = tmp_path / "runs"
    for name in ("exp", "exp", "other"):
        finish(create(folder, name))
    member = folder / "exp" / "002" / "fold-0"
    member.mkdir()
    fill(member)
    finish(member)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize(
    ("which", "found"),
    [
        ("001", "exp/001"),
        ("1", "exp/001"),
        ("exp/001", "exp/001"),
        ("exp/001/", "exp/001"),
        ("other/001", "other/001"),
        ("other", "other/001"),
        ("exp", "exp/002"),
        ("runs/other", "other/001"),
        ("runs/exp/001", "exp/001"),
        ("./runs/exp/../exp/001", "exp/001"),
        ("002/fold-0", "exp/002/fold-0"),
        ("exp/002/fold-0", "exp/002/fold-0"),
        ("runs/exp/002/fold-0", "exp/002/fold-0"),
    ],
)
def test_a_run_is_named_by_a_path_a_version_a_name_or_both(runs, which, found):
    assert find_run(runs, "exp", which, finished=True).resolve() == runs / found
    assert find_run(runs, "exp", str((runs / found).absolute()), finished=True) == runs / found


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("oter/001", "Did you mean 'other/001'"),
        ("othr", "Did you mean 'other'"),
        ("exp/003", "Did you mean 'exp/00"),
        ("003", "by a version of exp (there: 001, 002)"),
        ("", "There is no run ''"),
        ("runs", "There is no run 'runs'"),
        ("exp/001/scores.json", "There is no run"),
        ("x" * 5000, "There is no run"),
        ("1" * 5000, "There is no run"),
        ("a\0b", "There is no run"),
    ],
)
def test_a_name_of_no_run_lists_the_nearest_names(runs, which, said):
    with pytest.raises(ConfigError) as caught:
        find_run(runs, "exp", which, finished=True)
    assert said in str(caught.value)


@pytest.mark.parametrize("which", ["002", "2"])
def test_a_version_that_only_runs_of_another_name_have_is_suggested_with_that_name(runs, which):
    """As ``--final 002 --set run.name=x``, where x is the name of the run that is to be made."""
    with pytest.raises(ConfigError, match=r"Did you mean 'exp/002'\?"):
        find_run(runs, "x", which, finished=True)


@pytest.mark.parametrize(
    "name",
    [
        "a\0b", "a\nb", "a\rb", "a\tb", "\x1b[31mred", "evil\u202egpj", "line\u2028end", ".hidden",
        "가" * 100, "x" * 300, " blank", "a\u200bb",
    ],
)  # fmt: skip
def test_a_name_that_a_file_system_or_a_terminal_would_mangle_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="must be a folder's name"):
        create(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_a_resumed_run_is_told_of_other_threads_devices_and_precisions(tmp_path, caplog):
    write_json(tmp_path / "environment.json", {"threads": 2, "device": "cuda", "precision": "float32"})
    warn_of_other_bits(tmp_path, {"threads": 2, "device": "cuda", "precision": "float32"})
    assert caplog.text == ""
    warn_of_other_bits(tmp_path, {"threads": 4, "device": "cpu", "precision": "float32"})
    assert "began with threads 2, now 4; device cuda, now cpu" in caplog.text
    caplog.clear()
    write_json(tmp_path / "environment.json", {})  # of an earlier version
    warn_of_other_bits(tmp_path, {"threads": 4})
    assert caplog.text == ""


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
def test_a_runs_folder_follows_the_users_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        folder = create(tmp_path, "exp")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777 & ~umask


def test_what_killed_processes_left_of_new_runs_goes_and_what_another_one_fills_stays(tmp_path):
    create(tmp_path, "exp")
    left, filled = tmp_path / "exp" / ".new-left", tmp_path / "exp" / ".new-filled"
    for folder in (left, filled):
        folder.mkdir()
        (folder / "config.ini").touch()
    with held(filled):
        create(tmp_path, "exp")
        assert not left.exists()
        assert (filled / "config.ini").exists()


def test_who_works_in_a_run_removes_what_killed_processes_left_there_but_not_in_its_members(tmp_path):
    folder = create(tmp_path, "exp")
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = [".scores.json.{}.tmp", "checkpoints/.tmpAb12Cd", "checkpoints/.last-0000001.json.{}.tmp"]
    for name in (*left, "fold-0/checkpoints/.tmpAb12Cd"):
        path = folder / name.format(dead.pid)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with held(folder):
        assert not [name for name in left if (folder / name.format(dead.pid)).exists()]
        assert (folder / "fold-0/checkpoints/.tmpAb12Cd").exists()


@pytest.mark.parametrize("lost", ["config.ini", "environment.json"])
def test_a_run_that_lost_a_file_is_named_and_no_older_one_is_silently_taken(runs, lost, caplog):
    (runs / "exp/002" / lost).unlink()
    (runs / "exp/002" / lost).mkdir()
    assert find_run(runs, "exp", "001", finished=True) == runs / "exp/001"
    assert "passed over" not in caplog.text
    assert find_run(runs, "exp", None, finished=True) == runs / "exp/001"
    assert f"{runs / 'exp/002'} is passed over: it has no file {lost}" in caplog.text
    for which in ("2", "002", "exp/002", str(runs / "exp/002")):
        with pytest.raises(DataError, match=rf"exp/002 can't be used: it has no file {lost}"):
            find_run(runs, "exp", which, finished=True)

    (runs / "other/001" / lost).unlink()
    for name, which in (("other", None), ("exp", "other")):
        with pytest.raises(ConfigError, match=rf"\(there: no run; 001 is none: it has no file {lost}\."):
            find_run(runs, name, which, finished=True)


def test_a_value_of_another_kind_in_environment_json_is_refused(tmp_path):
    write_json(tmp_path / "environment.json", {"commit": None, "data": {"0": "a"}})
    assert read_environment(tmp_path)["data"] == {"0": "a"}
    for facts in ({"commit": 7}, {"data": None}, {"leak": "text"}, {"config_sha256": []}, {"folder": -1}):
        write_json(tmp_path / "environment.json", facts)
        with pytest.raises(DataError, match=r"environment\.json is damaged: \w+ = .+ is not "):
            read_environment(tmp_path)


def test_a_config_that_was_changed_after_the_run_began_is_warned_of(tmp_path, caplog):
    def begin(folder):
        (folder / "config.ini").write_text("[run]\nname = exp\n")
        write_environment(folder, {})

    folder = create_run(tmp_path, "exp", begin)
    (folder / "config.ini").write_bytes(b"[run]\r\nname = exp\r\n")  # as git may check it out
    find_run(tmp_path, "exp", None, finished=False)
    assert not caplog.text
    (folder / "config.ini").write_text("[run]\nname = exq\n")
    find_run(tmp_path, "exp", None, finished=False)
    assert f"{folder / 'config.ini'} was changed after the run began" in caplog.text
