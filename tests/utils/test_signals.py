"""Ctrl-C, SIGTERM and SIGHUP mean the same, at any moment."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from utils import signals

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
IMPORTING = """
import os, signal, sys
from utils import signals
with signals.handled(importing=True):
    try:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        for _ in range(1000):
            pass
    except BaseException:
        print("swallowed, as an import may do")
"""


def send(name: str) -> None:
    os.kill(os.getpid(), getattr(signal, name))


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_raises_with_its_name_and_the_handlers_come_back(name: str) -> None:
    before = signal.getsignal(getattr(signal, name))
    with pytest.raises(KeyboardInterrupt, match=name), signals.handled():
        send(name)
    assert signal.getsignal(getattr(signal, name)) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_held_signal_waits_and_a_second_one_does_not(name: str) -> None:
    done: list[str] = []

    def work(*sent: str) -> None:
        with signals.handled(), signals.held():
            for number in sent:
                send(number)
                done.append(signals.received())

    with pytest.raises(signals.Interrupted, match=name):
        work(name)
    assert done == [name]
    with pytest.raises(signals.Interrupted, match=name):
        work("SIGTERM", name)
    assert done == [name, "SIGTERM"]
    assert signals.received() == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_during_the_imports_ends_the_process_with_one_line(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, name], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"Interrupted by {name}.\n")


def test_a_signal_that_was_ignored_before_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with signals.handled():
            send("SIGHUP")
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nothing_changes_when_the_exit_code_is_decided() -> None:
    with signals.handled():
        signals.ending()
        for name in NAMES:
            send(name)


LAST_BREATH = """
import os, sys
class Last:  # sys loses what it holds when nearly all else of the interpreter is gone
    def __del__(self, open=os.open, read=os.read, write=os.write):
        write(2, read(open("/proc/self/status", 0), 10000))
sys.last_breath = Last()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says which signals are ignored")
def test_signals_stay_ignored_while_the_interpreter_takes_itself_down(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LAST_BREATH)
    done = subprocess.run(
        [sys.executable, "run.py", "--help"],
        cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = dict(line.split(":", 1) for line in done.stderr.splitlines() if ":" in line)
    ignored = int(lines["SigIgn"], 16)
    for name in NAMES:
        assert ignored >> (getattr(signal, name) - 1) & 1, name
