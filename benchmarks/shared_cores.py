"""Training beside another run on the same cores: as run.py begins on idle ones, on busy ones, and on one.

    python -m benchmarks.shared_cores                                # 3 minutes: these three
    python -m benchmarks.shared_cores --spin none 200 2000 20000     # other waiting

Two runs of each setting stand ready. In turns one trains alone for some seconds, then both at once; the rate
is that of the steps that end in the window. Each is run.py itself in a process of its own.

``--openmp /path/to/libiomp5.so`` takes Intel's or LLVM's library instead of the one that torch brings along;
values are then milliseconds (KMP_BLOCKTIME) instead of rounds (GOMP_SPINCOUNT).
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchmarks.data import data_folder, kind_of, lay_out, work_folder, write_config
from benchmarks.rows import Figure, Ratio, ResultRow, Target, report
from benchmarks.turns import Peer, say, wait_for_turn
from utils.run_turns import turns
from utils.shared_cores import SETTINGS

_NONE = "none"  # as it is without our setting: what a run gets that begins on idle cores
_ONE = "one thread"  # what a run that is kept from its cores says one should write
_SMALL = {
    "images.size": "64, 64", "task.joint": "no", "model.name": "SmallResNet",
    "model.widths": "16, 32, 64, 128", "model.blocks": "1, 1, 1, 1", "loss.name": "LabelSmoothing",
    "train.batch_size": "32",
}  # fmt: skip
_RESNET18 = {
    "images.size": "128, 96", "model.name": "TimmModel", "model.backbone": "resnet18",
    "model.pretrained": "no", "train.batch_size": "32",
}  # fmt: skip
NETS = {"small_three_heads": _SMALL, "resnet18": _RESNET18}


def be(work: Path, seconds: float) -> None:
    """Be a run that trains for so long whenever it is its turn, and says the seconds of an image."""
    from benchmarks.real_run import leave, podium

    began, steps = 0.0, 0

    def listen(moment: str, _: object) -> None:
        nonlocal began, steps
        if moment != "step":
            return
        now = time.perf_counter()
        if began and now - began < seconds:
            steps += 1
            return
        say(**({"seconds": (now - began) / (steps + 1)} if began else {}))
        turns.give()
        if not wait_for_turn():
            leave()
        began, steps = time.perf_counter(), 0

    podium(work, listener=listen, overrides=["train.epochs=100000"])


def environment(spin: str, openmp: str | None) -> dict[str, str]:
    """Return what the environment of a run has with one setting and no other of them."""
    plain = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    extra = {"LD_PRELOAD": openmp} if openmp else {}
    if spin == _NONE:
        return plain | extra
    if spin == _ONE:
        return plain | extra | {"OMP_NUM_THREADS": "1"}
    return plain | extra | {"KMP_BLOCKTIME" if openmp else "GOMP_SPINCOUNT": spin}


def rates(net: str, arguments: argparse.Namespace) -> dict[str, tuple[list[float], list[float]]]:
    """Return the images a second alone, and of each of two at once, by setting."""
    with work_folder() as work, ThreadPoolExecutor(2) as pool:
        lay_out(data_folder(), work / "data", 640)
        write_config(work, NETS[net] | {"augmentation.name": "TrainAugmentation", "callback.Probe.": ""})
        pairs, measured = {}, {}
        words = ["-m", "benchmarks.shared_cores", "--seconds", str(arguments.seconds), "--be", str(work)]

        try:
            for spin in arguments.spin:
                beside = environment(spin, arguments.openmp)
                pairs[spin] = [Peer(f"{net} {spin}", words, beside) for _ in range(2)]
                measured[spin] = ([], [])
            for _ in range(arguments.turns):
                for spin, pair in pairs.items():
                    measured[spin][0].append(1 / pair[0].turn())
                    measured[spin][1].append(median(1 / each for each in pool.map(Peer.turn, pair)))
        finally:
            for pair in pairs.values():
                for peer in pair:
                    peer.end()

    batch = int(NETS[net]["train.batch_size"])
    return {spin: tuple([batch * rate for rate in each] for each in both) for spin, both in measured.items()}


def rows(
    net: str, measured: dict[str, tuple[list[float], list[float]]], facts: dict[str, object]
) -> list[ResultRow]:
    """Return what each setting does alone, against none, and what is left beside another run.

    That is held against a run alone without a setting, or, where there is none, with its own.
    """
    bare, result = measured.get(_NONE), []

    for spin, (alone, shared) in measured.items():
        words = {_NONE: "no setting", _ONE: _ONE}.get(spin, f"spin {spin}")
        if bare is not None and spin != _NONE:
            result.append(
                Ratio(
                    benchmark="shared_cores", what=f"training alone, {net}, {words}",
                    against="no setting", unit="img/s", podium=alone, peer=bare[0], facts=facts,
                )
            )  # fmt: skip

        whole = median(bare[0] if bare else alone)
        rate = {"img_s_alone": round(whole, 1), "img_s_each": round(median(shared), 1)}
        result.append(
            Figure(
                benchmark="shared_cores", what=f"each of two runs at once over one alone, {net}, {words}",
                unit="of 1", values=[each / whole for each in shared], target=Target(0.4),
                facts=facts | rate,
            )
        )  # fmt: skip
    return result


def main() -> None:
    """Measure all settings of each net in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--spin", nargs="+", help=f"values to hold against each other; {_NONE} = not set")
    parser.add_argument("--nets", nargs="+", choices=tuple(NETS), default=list(NETS))
    parser.add_argument("--seconds", type=float, default=4.0, help="of a turn (default 4)")
    parser.add_argument("--turns", type=int, default=5, help="of each setting (default 5)")
    parser.add_argument("--openmp", help="another library to take, such as libiomp5.so")
    parser.add_argument("--be", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.be:
        be(arguments.be, arguments.seconds)
        return

    shipped = SETTINGS["KMP_BLOCKTIME" if arguments.openmp else "GOMP_SPINCOUNT"]
    arguments.spin = arguments.spin or [_NONE, shipped, _ONE]
    facts = {"data": kind_of(data_folder()), "openmp": "intel" if arguments.openmp else "torch's"}
    for net in arguments.nets:
        report(rows(net, rates(net, arguments), facts))


if __name__ == "__main__":
    sys.exit(main())
