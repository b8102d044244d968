"""``--mode infer`` against timm's way (inference.py), with the same weights on the same images.

    PODIUM_DATA=/path/to/data python -m benchmarks.infer --images 6300

A net is trained for a little while first, so that there is something to agree on. Then Podium predicts from a
store that is there already, from no store, and timm's loader and loop predict with the very same module, at
the best of several numbers of workers. A turn is from after the imports to the last line of the CSV; timm's
model has been made before.
"""

import argparse
import csv
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.data import data_folder, kind_of, lay_out, work_folder, write_config
from benchmarks.rows import Figure, Ratio, ResultRow, Target, report
from benchmarks.turns import Turns, serve, take_turns, timed
from utils.tables import read_table

SIZE = (128, 96)  # height, width
RUN, TIMM_CSV = "runs/speed/001", "timm.csv"
WARM, COLD = "with a store that is there", "with no store yet"


def be_podium(work: Path, *, warm: bool, settings: list[str]) -> None:
    """Be Podium's own mode, with the same cache in each turn or a new one."""
    import experiment.infer  # noqa: F401  # the modules that run.py imports late
    from benchmarks.real_run import podium

    turns = 0

    def turn() -> float:
        nonlocal turns
        turns += 1
        cache = f"paths.cache={work}/cache-{'warm' if warm else turns}"
        return timed(lambda: podium(work, "--mode", "infer", overrides=[cache, *settings]))

    serve(turn)


def be_timm(work: Path, batch: int, sweep: float) -> None:
    """Be timm's loader and loop around the module that Podium trained."""
    from benchmarks import peers
    from experiment.assemble import Experiment
    from experiment.finished_run import finished_run
    from experiment.read_settings import settings_from
    from utils.ini import read_ini

    machine = peers.Machine(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    experiment = Experiment.of(settings_from(read_ini(work / RUN / "config.ini"), "the run"))
    model = experiment.model(fresh=False)
    model.load_state_dict(finished_run(work / RUN)["model"])
    model.eval()
    table = read_table(work / "data" / "eval" / "info.csv", ())
    names = [row[table.columns[0]] for row in table.rows]
    paths = [work / "data" / "eval" / "images" / name for name in names]

    def batches(workers: int) -> peers.LoaderBatches:
        return peers.timm_loader(paths, SIZE, batch, workers, machine, training=False, normalised=False)

    def answers(images: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), machine.autocast():
            (logits,) = model(machine.images(images)).values()
        return logits.softmax(dim=1)

    def turn(workers: int) -> None:
        probabilities = torch.cat([answers(*batch_of_images) for batch_of_images in batches(workers)]).cpu()
        with (work / TIMM_CSV).open("w", encoding="utf-8", newline="") as file:
            rows = zip(names, probabilities.argmax(dim=1).tolist(), probabilities.tolist(), strict=True)
            csv.writer(file).writerows([name, choice, *of_image] for name, choice, of_image in rows)

    settings = peers.best(lambda candidate: peers.seconds_a_batch(answers, batches(candidate.workers), sweep))
    serve(lambda: timed(lambda: turn(settings.workers)), settings=str(settings))


def compared(work: Path) -> dict[str, Any]:
    """Return how far both agree: in their answers, of which there are several, and in the probabilities."""
    submission = read_table(work / RUN / "submission.csv", ("ImageID", "ans"))
    ours = np.array([int(row["ans"]) for row in submission.rows])

    table = read_table(work / RUN / "test_predictions.csv", ())
    with (work / TIMM_CSV).open(encoding="utf-8", newline="") as file:
        names, choices, *theirs = zip(*csv.reader(file), strict=True)
    if [row["ImageID"] for row in submission.rows] != list(names):
        raise RuntimeError("Podium and timm predicted different images.")

    columns = table.columns[-len(theirs) :]
    mine = np.array([[float(row[column]) for column in columns] for row in table.rows])
    apart = np.abs(mine - np.array(theirs, float).T)

    return {
        "same_answers": round(float((ours == np.array(choices, int)).mean()), 4),
        "labels_predicted": len(set(ours.tolist())),
        "probability_apart": {"mean": float(f"{apart.mean():.2g}"), "most": round(float(apart.max()), 4)},
    }


def rows(turns: dict[str, Turns], facts: dict[str, Any]) -> list[ResultRow]:
    """Return the ratios; those of whole commands are of the first turn, with its imports."""
    timm = turns["timm"]

    def ratio(what: str, podium: Turns, *, target: Target | None) -> Ratio:
        return Ratio(
            benchmark="infer", what=f"--mode infer, {what}", against="timm's loader and inference loop",
            unit="s", podium=podium.warm, peer=timm.warm, target=target, facts=facts | timm.ready,
        )  # fmt: skip

    return [
        ratio(WARM, turns["warm"], target=Target(4.0)),
        ratio(COLD, turns["cold"], target=Target(2.5)),
        Figure(
            benchmark="infer",
            what="share of images with the same answer",
            unit="of 1",
            values=[facts["same_answers"]],
            facts=facts,
        ),
    ]


def main() -> None:
    """Train a little, then time all in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=6300, help="to predict (default 6300)")
    parser.add_argument("--turns", type=int, default=4, help="the first one apart (default 4)")
    parser.add_argument("--model", default="mobilenetv3_small_050", help="a backbone of timm")
    parser.add_argument(
        "--train-images", type=int, default=1400, help="of the training before (default 1400)"
    )
    parser.add_argument("--batch", type=int, default=128, help="images of a batch, for both (default 128)")
    parser.add_argument("--sweep", type=float, default=2.5, help="seconds to try each number of workers")
    parser.add_argument("--set", action="append", default=[], help="for Podium's mode, such as infer.x=y")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.be == "timm":
        be_timm(arguments.work, arguments.batch, arguments.sweep)
    elif arguments.be:
        be_podium(arguments.work, warm=arguments.be == "warm", settings=arguments.set)
    else:
        measure(arguments)


def measure(arguments: argparse.Namespace) -> None:
    """Train, start the peers, and report."""
    from benchmarks.real_run import command

    data = data_folder()
    config = {
        "images.size": f"{SIZE[0]}, {SIZE[1]}", "images.room": "0", "model.name": "TimmModel",
        "model.backbone": arguments.model, "train.epochs": "3", "train.batch_size": "32",
        "infer.batch_size": str(arguments.batch), "optimizer.lr": "3e-3",
    }  # fmt: skip
    with work_folder() as work:
        lay_out(data, work / "data", arguments.train_images, arguments.images)
        write_config(work, config)
        started = time.perf_counter()
        subprocess.run([sys.executable, "run.py", *command(work)], check=True, capture_output=True)
        print(f"Trained on {arguments.train_images} images in {time.perf_counter() - started:.0f} s.\n")
        given = [part for text in arguments.set for part in ("--set", text)]
        words = [
            "-m",
            "benchmarks.infer",
            "--batch",
            str(arguments.batch),
            "--sweep",
            str(arguments.sweep),
            "--work",
            str(work),
            *given,
        ]
        turns = take_turns(
            {peer: [*words, "--be", peer] for peer in ("warm", "cold", "timm")}, arguments.turns
        )
        facts = {"images": arguments.images, "model": arguments.model, "data": kind_of(data)}
        report(rows(turns, facts | compared(work)))


if __name__ == "__main__":
    main()
