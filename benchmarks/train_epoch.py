"""An epoch of training against a bare loop on one batch, a DataLoader, timm's loader and step, and Lightning.

    PODIUM_DATA=/path/to/data python -m benchmarks.train_epoch --model resnet18 --images 384

All train the same model on the same images at the same size with the same batch size and precision,
channels-last, and about as strong an augmentation (flip, small moves, brightness, contrast), in processes of
their own that take turns; the first turn of each is left out. Loaders have the best of several settings.

``podium`` is run.py itself, with the callbacks that every run has. ``bare`` only computes: forward, backward
and fused AdamW on one batch that lies in memory, with kept memory: what Podium has, too, so that this is the
limit, and the target's row. ``bare, plain`` is the same without these two.

With ``--first`` it is the first epoch instead, from after imports to the last step: Podium checks its config,
builds its store, makes the model and trains; the loop makes its model and its loader and trains.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import peers
from benchmarks.data import data_folder, kind_of, lay_out, training_files, work_folder, write_config
from benchmarks.goals import SMALL, wanted
from benchmarks.rows import Figure, Ratio, ResultRow, report
from benchmarks.turns import Turns, say, serve, take_turns, timed, wait_for_turn

SIZE = (128, 96)  # height, width
PEERS = {
    "bare": "bare loop on one resident batch",
    "bare-plain": "bare loop, plain AdamW, memory as usual",
    "dataloader": "DataLoader and a loop",
    "timm": "timm's loader and step",
    "lightning": "Lightning with that DataLoader",
}


def be(peer: str, arguments: argparse.Namespace) -> None:
    """Be one of the peers, in this process."""
    if peer == "podium":
        (podium_first if arguments.first else podium_epochs)(arguments)
        return
    precision = arguments.peer_precision or arguments.precision
    machine = peers.Machine(torch.device(arguments.device), getattr(torch, precision))
    if peer.startswith("bare"):
        plain = peer == "bare-plain"
        serve(on_one_batch(arguments, machine, plain=plain))
        return
    make = peers.timm_loader if peer == "timm" else peers.plain_loader
    settings = best_settings(arguments, machine, make)
    paths = training_files(Path(arguments.work) / "data", arguments.images)

    def batches() -> peers.LoaderBatches:
        return make(paths, arguments.size, arguments.batch, settings.workers, machine)

    if arguments.first:

        def first() -> None:
            peers.Training(arguments.model, machine).epoch(batches())

        serve(lambda: timed(first), settings=str(settings))
    elif peer == "lightning":
        lightning(arguments, machine, batches(), str(settings))
    else:
        training, loader = peers.Training(arguments.model, machine), batches()
        serve(lambda: timed(lambda: training.epoch(loader)), settings=str(settings))


def on_one_batch(
    arguments: argparse.Namespace, machine: peers.Machine, *, plain: bool
) -> Callable[[], float]:
    """Return what trains for an epoch's number of steps on the same batch, and takes the time."""
    from utils.device import keep_freed_memory

    if not plain:
        keep_freed_memory()
    training = peers.Training(arguments.model, machine, fused=not plain)
    images = machine.images(torch.rand(arguments.batch, 3, *arguments.size))
    labels = torch.randint(0, peers.LABELS, (arguments.batch,), device=machine.device)
    steps = arguments.images // arguments.batch
    return lambda: timed(lambda: training.epoch(peers.repeated(images, labels, steps)))


def best_settings(
    arguments: argparse.Namespace, machine: peers.Machine, make: Callable[..., peers.LoaderBatches]
) -> peers.PeerSettings:
    """Return the settings of a loader with which training is fastest."""
    training = peers.Training(arguments.model, machine)
    paths = training_files(Path(arguments.work) / "data", arguments.images)

    def work(images: torch.Tensor, labels: torch.Tensor) -> None:
        training.epoch([(images, labels)])

    def measure(settings: peers.PeerSettings) -> float:
        return peers.seconds_a_batch(
            work, make(paths, arguments.size, arguments.batch, settings.workers, machine), arguments.sweep
        )

    return peers.best(measure)


def lightning(
    arguments: argparse.Namespace, machine: peers.Machine, batches: peers.LoaderBatches, settings: str
) -> None:
    """Be Lightning, which owns the loop: it waits before each epoch and speaks after it."""
    started, epochs = [0.0], [0]

    def before() -> bool:
        if not epochs[0]:
            say(settings=settings)
        epochs[0] += 1
        going_on = wait_for_turn()
        started[0] = time.perf_counter()
        return going_on

    peers.lightning_epochs(
        arguments.model, batches, machine, before, lambda: say(seconds=time.perf_counter() - started[0])
    )


def podium_epochs(arguments: argparse.Namespace) -> None:
    """Be Podium in a run that has been started; an epoch waits for its turn, validation is after its end."""
    from benchmarks.real_run import leave, podium

    started, seconds = 0.0, None

    def listen(moment: str, _: object) -> None:
        nonlocal started, seconds
        if moment == "epoch":
            say(**({} if seconds is None else {"seconds": seconds}))
            if not wait_for_turn():
                leave()
            started = time.perf_counter()
        elif moment == "trained":
            seconds = time.perf_counter() - started

    podium(Path(arguments.work), listener=listen, overrides=["train.epochs=1000"])


def podium_first(arguments: argparse.Namespace) -> None:
    """Be Podium beginning a run, each time with an empty cache."""
    import experiment.train  # noqa: F401  # the modules that run.py imports late
    from benchmarks.real_run import podium

    turns = 0

    def turn() -> float:
        nonlocal turns
        turns += 1
        ends: list[float] = []

        def listen(moment: str, _: object) -> None:
            if moment == "trained":
                ends.append(time.perf_counter())

        cache = f"paths.cache={arguments.work}/cache-{turns}"
        started = time.perf_counter()
        podium(Path(arguments.work), listener=listen, overrides=[cache])
        return ends[0] - started

    serve(turn)


def config(arguments: argparse.Namespace) -> dict[str, str]:
    """Return what the run's config says beside the plain things."""
    return {
        "run.device": arguments.device,
        "images.size": "{}, {}".format(*arguments.size),
        "augmentation.name": "TrainAugmentation",
        "model.name": "TimmModel",
        "model.backbone": arguments.model,
        "model.pretrained": "no",
        "train.batch_size": str(arguments.batch),
        "train.precision": arguments.precision,
        "train.cuda_graph": "no" if arguments.eager else "yes",
        "callback.Probe.": "",
    }


def rows(arguments: argparse.Namespace, turns_of: dict[str, Turns]) -> list[ResultRow]:
    """Return Podium's ratio to each peer, in images a second, and on a GPU how much of its peak is used."""
    images = arguments.images // arguments.batch * arguments.batch

    def rates(turns: Turns) -> list[float]:
        return [images / seconds for seconds in turns.warm]

    size = "" if tuple(arguments.size) == SIZE else " at {}x{}".format(*arguments.size)
    what = f"{'first epoch' if arguments.first else 'epoch of training'}, {arguments.model}{size}"
    if arguments.device != "cpu":
        what += f" on the GPU in {arguments.precision}{', without a CUDA graph' if arguments.eager else ''}"
    elif arguments.precision != "float32":
        what += f" in {arguments.precision}"
    theirs = f", in {arguments.peer_precision}" if arguments.peer_precision else ""
    facts = {"images": images, "batch": arguments.batch, "data": arguments.kind}
    result: list[ResultRow] = [
        Ratio(
            benchmark="train_epoch",
            what=what,
            against=PEERS[peer] + theirs,
            unit="img/s",
            podium=rates(turns_of["podium"]),
            peer=rates(turns),
            target=wanted(arguments, peer),
            facts=facts | turns.ready,
        )
        for peer, turns in turns_of.items()
        if peer != "podium"
    ]
    if arguments.device == "cuda":
        result.append(utilisation(arguments, what, rates(turns_of["podium"])))
    return result


def utilisation(arguments: argparse.Namespace, what: str, rates: list[float]) -> Figure:
    """Return the share of the device's peak that the model's own multiplications and additions use.

    A step counts as three forward passes: the backward pass is two more.
    """
    from torch.utils.flop_counter import FlopCounterMode

    model = peers.bare_model(arguments.model, peers.Machine(torch.device("meta")))
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.empty(1, 3, *arguments.size, device="meta"))
    share = 3 * counter.get_total_flops() / (arguments.peak_tflops * 1e12)
    return Figure(
        benchmark="train_epoch",
        what=f"{what}: model FLOPs utilisation of {arguments.peak_tflops:g} TFLOP/s",
        unit="%",
        values=[100 * rate * share for rate in rates],
    )


def parse() -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default=SMALL, help="a backbone of timm")
    parser.add_argument("--images", type=int, default=768, help="of an epoch (default 768)")
    parser.add_argument(
        "--size", type=int, nargs=2, default=SIZE, metavar=("H", "W"), help="of images (default 128 96)"
    )
    parser.add_argument("--batch", type=int, default=64, help="images a step (default 64)")
    parser.add_argument("--turns", type=int, default=4, help="epochs of each peer, the first one apart")
    parser.add_argument("--first", action="store_true", help="the first epoch, with building the store")
    parser.add_argument("--peers", nargs="+", choices=tuple(PEERS), help="default: all that there are")
    parser.add_argument("--sweep", type=float, default=2.5, help="seconds to try each setting of a loader")

    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument(
        "--peer-precision", choices=("float32", "bfloat16"), help="of the others (default: the same)"
    )
    parser.add_argument("--eager", action="store_true", help="Podium with [train] cuda_graph = no")

    parser.add_argument("--peak-tflops", type=float, default=989.0, help="of the GPU (default: H100, bf16)")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Time the peers in turns."""
    arguments = parse()
    if arguments.be:
        be(arguments.be, arguments)
        return

    others = arguments.peers or (["dataloader"] if arguments.first else list(PEERS))
    if "lightning" in others and peers.lightning_missing():
        print("Lightning is not installed (pip install -r requirements-bench.txt): left out.")
        others.remove("lightning")

    data = data_folder()
    arguments.kind = kind_of(data)
    with work_folder() as work:
        lay_out(data, work / "data", arguments.images)
        write_config(work, config(arguments))
        words = [
            "-m", "benchmarks.train_epoch", "--model", arguments.model, "--images", str(arguments.images),
            "--batch", str(arguments.batch), "--device", arguments.device, "--precision",
            arguments.precision, "--sweep", str(arguments.sweep), "--work", str(work),
            "--size", *map(str, arguments.size), *(["--first"] if arguments.first else []),
            *(["--peer-precision", arguments.peer_precision] if arguments.peer_precision else []),
        ]  # fmt: skip
        turns = take_turns({peer: [*words, "--be", peer] for peer in ("podium", *others)}, arguments.turns)

    report(rows(arguments, turns))


if __name__ == "__main__":
    main()
