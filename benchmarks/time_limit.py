"""How much of a time limit a run uses: random limits, each a whole process from its start to its exit.

Every run has to finish by itself inside its limit, to leave a checkpoint that verifies, and a submission
after ``--mode infer``. The data is that of PODIUM_DATA; without it, demo data is drawn. Images are prepared
in the first run, within its limit.

    PODIUM_DATA=/path/to/data python -m benchmarks.time_limit 1
    PODIUM_DATA=/path/to/data python -m benchmarks.time_limit 1 --config recipes/mask/scratch_15_minutes.ini
"""

import argparse
import csv
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dataset.demo.draw import draw_demo_data
from train import checkpoint


@dataclass(frozen=True, slots=True)
class Timed:
    """A run that was timed; ``fault`` says what is wrong with it, if anything."""

    limit: int  # seconds
    seconds: float  # of the process
    fault: str

    @property
    def ratio(self) -> float:
        """The part of the limit that was used; above 1 it was broken."""
        return self.seconds / self.limit


def limits(count: int, shortest: int, longest: int, seed: int) -> list[int]:
    """Return random limits in whole seconds, from ``shortest`` to ``longest``."""
    drawn = random.Random(seed)
    return [drawn.randint(shortest, longest) for _ in range(count)]


def timed(limit: int, command: Sequence[str], runs: Path) -> Timed:
    """Train with a limit in a process of its own, and look at what it left."""
    arguments = [*command, "--set", f"paths.runs={runs}"]
    started = time.perf_counter()
    done = subprocess.run(
        [*arguments, "--set", f"train.time_limit={limit} s"], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        return Timed(limit, seconds, f"exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    return Timed(limit, seconds, fault(next(runs.glob("*/001")), [*arguments, "--mode", "infer"]))


def fault(run: Path, infer: Sequence[str]) -> str:
    """Return what is wrong with a finished run, or nothing."""
    if not (run / "scores.json").is_file():
        return "not finished"
    if checkpoint.load(run / "checkpoints", "best") is None:
        return "no valid checkpoint"
    done = subprocess.run(infer, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"infer: exit code {done.returncode}: {done.stderr.strip()[-300:]}"
    rows = list(csv.reader((run / "submission.csv").read_text(encoding="utf-8").splitlines()))
    if len(rows) < 2 or any(not cell for row in rows for cell in row):
        return "submission.csv has empty cells or no rows"
    return ""


def report(runs: Sequence[Timed]) -> str:
    """Return a table, and a last line of JSON."""
    ratios = [run.ratio for run in runs]
    whole = {
        "benchmark": "time_limit",
        "runs": [asdict(run) | {"ratio": round(run.ratio, 4)} for run in runs],
        "median": round(statistics.median(ratios), 4),
        "max": round(max(ratios), 4),
        "faults": sum(bool(run.fault) for run in runs),
    }
    rows = [f"{run.limit:7d}  {run.seconds:7.1f}  {run.ratio:5.3f}  {run.fault or 'ok'}" for run in runs]
    summary = f"median {whole['median']:.3f}, max {whole['max']:.3f}, {whole['faults']} faults"
    return "\n".join(["  limit  seconds  ratio", *rows, summary, json.dumps(whole)])


def main() -> None:
    """Time the runs one after another."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("seed", type=int, help="of the limits")
    parser.add_argument("--runs", type=int, default=8, help="how many (default 8)")
    parser.add_argument("--shortest", type=int, default=60, help="seconds (default 60)")
    parser.add_argument("--longest", type=int, default=360, help="seconds (default 360)")
    parser.add_argument("--config", type=Path, default=Path("config.ini"))
    arguments = parser.parse_args()

    runs: list[Timed] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)

        data = os.environ.get("PODIUM_DATA")
        if data is None:
            data = str(work / "data")
            draw_demo_data(Path(data))

        command = [sys.executable, "run.py", "--config", str(arguments.config)]
        command += ["--set", f"paths.data={data}", "--set", f"paths.cache={work / 'cache'}"]
        drawn = limits(arguments.runs, arguments.shortest, arguments.longest, arguments.seed)
        for number, limit in enumerate(drawn):
            runs.append(timed(limit, command, work / f"runs{number}"))
            print(f"{runs[-1].limit} s: {runs[-1].seconds:.1f} s {runs[-1].fault}", file=sys.stderr)

    print(report(runs))


if __name__ == "__main__":
    main()
