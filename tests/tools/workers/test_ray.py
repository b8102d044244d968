"""Workers as tasks of a Ray cluster of two nodes, one of which is lost while it trains."""

import sys
from pathlib import Path

import pytest

from tests.tools.workers.three_folds import (
    FOLDS,
    assert_same_bytes,
    next_run,
    podium,
    whole_command,
)
from tests.waiting import wait_for
from tools.workers.ray_task import Sent, put
from tools.workers.record import MemberRecord
from train.checkpoint import newest

MEMORY = 80 * 2**20  # bytes of each node's object store
WITHOUT = "needs the extra cluster: pip install -r requirements-cluster.txt"


@pytest.fixture(scope="module")
def cluster():
    """A cluster of a head without CPUs and two nodes with one each."""
    pytest.importorskip("ray", reason=WITHOUT)
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": MEMORY},
    )
    cluster.nodes = [cluster.add_node(num_cpus=1, object_store_memory=MEMORY) for _ in range(2)]
    yield cluster
    cluster.shutdown()


def parent_of(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def node_of(cluster, worker):
    """Return the node on which a worker's process runs: that whose raylet started its task's process."""
    raylet = parent_of(parent_of(worker))
    return next(
        node
        for node in cluster.nodes
        if raylet in [process.process.pid for process in node.all_processes["raylet"]]
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of a library that is not ours
def test_a_lost_nodes_member_goes_on_elsewhere_to_the_same_bytes(trained, cluster):
    long = ("--set", "train.epochs=8", "--set", "callback.Checkpoints.minutes=0")
    reference = next_run(trained)
    assert podium(trained / "config.ini", *FOLDS, *long, "--set", "workers.threads=1") == 0
    run = next_run(trained)
    ray = ("--set", "workers.starter=ray", "--set", f"ray.address={cluster.address}", "--workers", "auto")
    foreman = whole_command(trained / "config.ini", *FOLDS, *long, *ray)

    def training():
        return [m for m in run.glob("fold-*") if MemberRecord(m).worker and newest(m / "checkpoints", "last")]

    with foreman:
        member = wait_for(training)[0]
        node = node_of(cluster, int(MemberRecord(member).worker.rpartition(":")[2]))
        cluster.remove_node(node, allow_graceful=False)
        out, error = foreman.communicate(timeout=1200)
    assert foreman.returncode == 0, (out, error)
    assert "2 workers with 1 thread(s) each" in out
    assert "is gone with its node or process" in out
    assert "Resumed" in (member / "log.txt").read_text()
    assert str(run) not in (member / "log.txt").read_text().partition("Resumed")[2]  # it ran elsewhere
    assert_same_bytes(run, reference)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_more_workers_than_the_cluster_has_room_for_are_refused(trained, cluster):
    ray = ("--set", "workers.starter=ray", "--set", f"ray.address={cluster.address}")
    foreman = whole_command(trained / "config.ini", *FOLDS, *ray, "--workers", 2, "--set", "ray.gpus=0.25")
    with foreman:
        _, error = foreman.communicate(timeout=600)
    assert foreman.returncode == 2
    assert "0 GPUs, so there is room for 0 worker(s) with [ray] cpus = 1 and gpus = 0.25 each" in error
    assert "Traceback" not in error


def test_what_ray_can_not_do_is_one_sentence(trained, capsys, monkeypatch):
    ray = ("--set", "workers.starter=ray")
    assert podium(trained / "config.ini", *FOLDS, *ray, "--set", "ray.gpus=-1") == 2
    assert "[ray] gpus: -1 is not at least 0" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ray", None)
    assert podium(trained / "config.ini", *FOLDS, *ray) == 2
    assert "pip install -r requirements-cluster.txt" in capsys.readouterr().err


def test_only_what_has_changed_travels_and_what_is_gone_is_told(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "checkpoints").mkdir(parents=True)
    (here / "checkpoints" / "last-1.safetensors").write_bytes(b"weights")
    (here / "config.ini").write_bytes(b"config")
    for name in (".lock", ".log.txt.77.tmp", ".taken.json"):
        (here / name).write_bytes(b"")
    sent = Sent(here)
    first = sent.news()
    # The checkpoint first: whatever is read later knows at least as much.
    assert list(first) == ["checkpoints/last-1.safetensors", ".taken.json", "config.ini"]
    assert sent.news() == {}
    (here / "checkpoints" / "last-1.safetensors").unlink()
    (here / "metrics.jsonl").write_bytes(b"{}\n")
    assert sent.news() == {"metrics.jsonl": b"{}\n", "checkpoints/last-1.safetensors": None}
    put(there, first)
    assert (there / "checkpoints" / "last-1.safetensors").read_bytes() == b"weights"


def test_a_checkpoint_that_is_replaced_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "last-1.json").write_bytes(b"1")
    read, times = Path.read_bytes, []

    def replaced(path):
        content = read(path)
        if not times:
            (folder / "last-1.json").unlink()
            (folder / "last-2.json").write_bytes(b"2")
        times.append(path)
        return content

    monkeypatch.setattr(Path, "read_bytes", replaced)
    assert Sent(tmp_path).news() == {"checkpoints/last-2.json": b"2"}
