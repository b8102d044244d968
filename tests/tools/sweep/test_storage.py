"""A sweep whose trials are kept by a real PostgreSQL server, which the test starts for itself."""

import csv
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.tools.sweep.drawn import config_of, data_of, podium
from tests.waiting import wait_for
from tools.sweep.study import check_storage
from train.checkpoint import newest
from utils.errors import ConfigError

pytest.importorskip("optuna", reason="needs the extra sweep: pip install -r requirements-sweep.txt")
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def program(name):
    """Return the path of one of PostgreSQL's programs; Debian keeps them beside each version."""
    there = [shutil.which(name), *map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))]
    return next(filter(None, there), None)


@pytest.fixture(scope="module")
def server():
    """Return the address of a server that is there for these tests only."""
    pytest.importorskip(
        "psycopg", reason="needs the extra postgres: pip install -r requirements-postgres.txt"
    )
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("needs PostgreSQL's initdb and postgres")
    folder = Path(tempfile.mkdtemp(prefix="podium-postgres-"))  # which somebody else than root can enter
    somebody = {}
    if os.geteuid() == 0:  # as whom it refuses to run
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        somebody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {**somebody, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    made = [initdb, "-D", folder / "base", "-A", "trust", "-U", "podium", "--no-sync"]
    subprocess.run(made, check=True, **options)
    kept = [postgres, "-D", folder / "base", "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"]
    process = subprocess.Popen(kept, **options)
    try:
        wait_for(lambda: answers(port) or process.poll() is not None, 60)
        yield f"postgresql://podium@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(folder)


def answers(port):
    import psycopg

    try:
        psycopg.connect(host="127.0.0.1", port=port, user="podium", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.slow
def test_a_server_keeps_a_sweep_of_two_processes_one_of_them_killed(tmp_path, server):
    config = config_of(tmp_path, data_of(tmp_path), trials=4, epochs=3)
    folder = tmp_path / "runs" / "test_sweep" / "001"
    line = ["--mode", "sweep", "--set", f"sweep.storage={server}", "--set", "callback.Checkpoints.minutes=0"]
    first = podium(config, *line)
    with first:
        wait_for(lambda: newest(folder / "trial-000" / "checkpoints", "last") or first.poll() is not None)
        assert first.poll() is None, first.communicate()
        first.kill()
    both = [podium(config, *line) for _ in range(2)]
    printed = [process.communicate(timeout=1200) for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    rows = list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))
    assert [(row["trial"], row["state"], row["epochs"]) for row in rows] == [
        (str(number), "complete", "3") for number in range(4)
    ]
    assert "Resumed" in (folder / "trial-000" / "log.txt").read_text()
    assert not (folder / "journal.log").exists()

    other = podium(config, *line, "--new")  # the server keeps several sweeps of one name apart
    other.communicate(timeout=1200)
    assert other.returncode == 0
    second = tmp_path / "runs" / "test_sweep" / "002"
    studies = {json.loads((run / "sweep.json").read_text())["study"] for run in (folder, second)}
    assert len(studies) == 2
    assert len(list(second.glob("trial-*"))) == 4


@pytest.mark.slow
def test_a_server_that_is_away_is_named(tmp_path, server):
    away = server.replace(server.rpartition(":")[2], "1/postgres")
    config = config_of(tmp_path, data_of(tmp_path), trials=1)
    process = podium(config, "--mode", "sweep", "--set", f"sweep.storage={away}")
    _, error = process.communicate(timeout=600)
    assert process.returncode == 2
    assert f"[sweep] storage = {away}" in error
    assert "refused" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("sqlite:///trials.db", "write auto, or postgresql://user@host/base"),
        ("postgresql://host", "write auto, or postgresql://user@host/base"),
        ("trials.log", "write auto"),
        ("postgresql://kim:secret@host/base", "PGPASSWORD"),
        ("postgresql+nodriver://host/base", "pip install -r requirements-postgres.txt"),
    ],
)
def test_a_storage_that_can_not_be_is_one_sentence(where, told):
    with pytest.raises(ConfigError) as error:
        check_storage(where)
    assert told in str(error.value)
    assert "secret" not in str(error.value)
