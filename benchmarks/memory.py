"""Resident memory of a run over that of a bare loop with the same model, batch and libraries.

    PODIUM_DATA=/path/to/data python -m benchmarks.memory --images 18900

The pages of the store's map belong to the system's cache: they go when something needs the memory, and all
processes share them. So they are counted apart.
"""

import argparse
from pathlib import Path

import torch

from benchmarks.data import data_folder, kind_of, lay_out, work_folder, write_config
from benchmarks.resident import Peak
from benchmarks.rows import Figure, Target, report
from benchmarks.turns import Peer, say

SIZE, BATCH = (128, 96), 64  # height, width; images of a step
MAP = "pixels.u8"


def be_bare(model: str, steps: int) -> None:
    """Be a loop that trains on one batch, with the optimiser and the kept memory that Podium has."""
    from benchmarks.peers import LABELS, Machine, Training, repeated
    from utils.device import keep_freed_memory

    keep_freed_memory()
    peak = Peak(MAP)
    training = Training(model, Machine(torch.device("cpu")))
    images = torch.rand(BATCH, 3, *SIZE).contiguous(memory_format=torch.channels_last)
    training.epoch(repeated(images, torch.randint(0, LABELS, (BATCH,)), steps))
    say(**peak.end())


def be_podium(work: Path, steps: int) -> None:
    """Be a run that ends after a number of steps."""
    from benchmarks.real_run import leave, podium
    from train.state import TrainState

    peak = Peak(MAP)

    def listen(moment: str, state: TrainState) -> None:
        if moment == "step":
            peak.look()
            if state.step >= steps:
                say(**peak.end())
                leave()

    podium(work, listener=listen, overrides=["train.epochs=1000"])


def main() -> None:
    """Measure both, one after the other: memory does not mind a busy machine."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=18_900, help="to train on (default 18900)")
    parser.add_argument("--model", default="mobilenetv3_small_050", help="a backbone of timm")
    parser.add_argument("--steps", type=int, default=40, help="of 64 images (default 40)")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.be == "bare":
        be_bare(arguments.model, arguments.steps)
    elif arguments.be:
        be_podium(arguments.work, arguments.steps)
    else:
        measure(arguments)


def measure(arguments: argparse.Namespace) -> None:
    """Start one after the other, and report."""
    data = data_folder()
    config = {
        "run.device": "cpu", "images.size": f"{SIZE[0]}, {SIZE[1]}", "model.name": "TimmModel",
        "augmentation.name": "TrainAugmentation", "model.backbone": arguments.model,
        "train.batch_size": str(BATCH), "callback.Probe.": "",
    }  # fmt: skip

    with work_folder() as work:
        lay_out(data, work / "data", arguments.images)
        write_config(work, config)
        words = ["-m", "benchmarks.memory", "--model", arguments.model, "--steps", str(arguments.steps)]
        words += ["--work", str(work), "--be"]
        peaks = {}
        for name in ("build", "podium", "bare"):  # the first one builds the store, and is not counted
            peer = Peer(name, [*words, name])
            peer.end()
            peaks[name] = peer.ready

    ours, bare = peaks["podium"], peaks["bare"]
    facts = {
        "images": arguments.images, "model": arguments.model, "data": kind_of(data),
        "podium_mb": ours, "bare_mb": bare, "while_building_mb": peaks["build"],
    }  # fmt: skip
    what = f"peak resident memory over a bare loop's, {arguments.images:,} images"
    target = Target(400, at_least=False)

    report(
        [
            Figure(
                benchmark="memory", what=f"{what}, without the map", unit="MB",
                values=[ours["all"] - bare["all"]], target=target, facts=facts,
            ),
            Figure(
                benchmark="memory", what=f"{what}, the process's own pages only", unit="MB",
                values=[ours["anon"] - bare["anon"]], target=target,
            ),
            Figure(
                benchmark="memory", what="the same in the run that builds the store", unit="MB",
                values=[peaks["build"]["all"] - bare["all"]],
            ),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
