"""Runs the benchmarks, keeps what they find in docs/performance.jsonl, and makes the tables from it.

    python -m benchmarks.all                  # all that fit in 15 minutes on 2 cores: make bench
    python -m benchmarks.all infer growth     # some of them; the others' lines stay as they are
    python -m benchmarks.all time_limit       # eight limits, half an hour by themselves: make bench-limits

Each is a command of its own, and what it prints is shown as it comes. Nothing else should run meanwhile.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.data import data_folder, kind_of

# What is run under a name: one command or several.
COMMANDS: dict[str, tuple[str, ...]] = {
    "train_epoch": (
        "benchmarks.train_epoch --model mobilenetv3_small_050 --images 640 --turns 5 --sweep 1.5",
        "benchmarks.train_epoch --model resnet18 --images 192 --turns 3 --sweep 1.5 "
        "--peers bare dataloader timm",
        "benchmarks.train_epoch --model resnet18 --images 192 --turns 3 --peers bare --precision bfloat16 "
        "--peer-precision float32",
    ),
    "store_build": (
        "benchmarks.store_build --images 2000 --turns 3",
        "benchmarks.store_build --images 2000 --turns 3 --room 0",
    ),
    "compressed": ("benchmarks.compressed",),
    "start_up": ("benchmarks.start_up --images 18900 --turns 2",),
    "infer": ("benchmarks.infer --images 6300 --turns 3 --sweep 1.5",),
    "memory": ("benchmarks.memory --images 18900",),
    "first_epoch": ("benchmarks.train_epoch --first --images 1024 --turns 4 --sweep 1.5",),
    "profile_step": ("benchmarks.profile_step",),
    "shared_cores": ("benchmarks.shared_cores --turns 3 --seconds 2",),
    "growth": ("benchmarks.growth images", "benchmarks.growth pixels heads --epoch 192 --sizes 4"),
}
# Only where they are named: the limits alone are 29 minutes and 45 seconds.
APART: dict[str, tuple[str, ...]] = {
    "time_limit": ("benchmarks.time_limit 1 --config recipes/mask/scratch_15_minutes.ini",),
}


def packages() -> dict[str, str]:
    """Return the versions of what is measured and measured against."""
    versions = {}
    for name in ("torch", "torchvision", "timm", "lightning", "opencv-python-headless", "numpy"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    import torch

    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        **packages(),
    }


def processor() -> str:
    """Return the name of the CPU."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def run_command(command: str) -> tuple[list[dict[str, Any]], bool]:
    """Run one benchmark, show what it prints; return its lines of JSON, and whether it ended well."""
    print(f"\n$ python -m {command}", flush=True)
    started, load = time.perf_counter(), os.getloadavg()[0]
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(
        [sys.executable, "-m", *command.split()], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        for text in process.stdout or ():
            print(text, end="", flush=True)
            if text.startswith("{"):
                lines.append(json.loads(text))

    seconds = round(time.perf_counter() - started)
    facts = {"command": f"python -m {command}", "load_before": round(load, 1), "took_s": seconds}
    print(f"({seconds} s)", flush=True)
    name = command.split()[0].rpartition(".")[2]
    return [{"benchmark": name, "kind": "other"} | line | facts for line in lines], process.returncode == 0


def keep(path: Path, command: str, measured: list[dict[str, Any]]) -> None:
    """Write what a command found in place of what it found before, in the order of COMMANDS and APART.

    Lines of a benchmark in these that came from another command than its present ones go.
    """
    order = [f"python -m {text}" for commands in (COMMANDS | APART).values() for text in commands]
    modules = {_module(text) for text in order}
    lines = []
    if path.exists():
        lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    lines = [
        line
        for line in lines
        if line.get("command") not in (None, f"python -m {command}")
        and (line["command"] in order or _module(line["command"]) not in modules)
    ] + measured
    lines.sort(key=lambda line: [*order, line["command"]].index(line["command"]))
    head = {"kind": "machine", "measured": time.strftime("%Y-%m-%d"), **machine()}
    path.write_text("".join(json.dumps(line) + "\n" for line in (head, *lines)), encoding="utf-8")


def planned(commands: Sequence[str], lines: Path) -> str:
    """Return how long commands took when they ran last, as far as a file of lines knows it, in words."""
    kept = (
        [json.loads(text) for text in lines.read_text(encoding="utf-8").splitlines()]
        if lines.exists()
        else []
    )
    took = {line["command"]: line["took_s"] for line in kept if "took_s" in line}
    known = [took[command] for text in commands if (command := f"python -m {text}") in took]
    return f"{len(known)} of {len(commands)} commands took {sum(known) / 60:.1f} minutes when they ran last."


def _module(command: str) -> str:
    return command.split()[2]


def main() -> int:
    """Run what was asked for; return the exit code: 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    help = f"of {', '.join(COMMANDS)} (default: all of these), {', '.join(APART)}"
    parser.add_argument("names", nargs="*", metavar="NAME", help=help)
    parser.add_argument("--minutes", type=float, default=15, help="no command is begun after these")
    parser.add_argument("--lines", type=Path, default=tables.LINES, help=f"default: {tables.LINES}")
    parser.add_argument("--page", type=Path, default=tables.PAGE, help=f"default: {tables.PAGE}")
    arguments = parser.parse_args()

    names = arguments.names or list(COMMANDS)
    known = {path.stem for path in Path(__file__).parent.glob("*.py")} | COMMANDS.keys()
    if unknown := sorted(set(names) - known):
        parser.error(f"there is no benchmark {', '.join(unknown)}: choose from {', '.join(sorted(known))}")

    data, failed = kind_of(data_folder()), []
    print(f"Measured on {data}" + ("" if data == "photographs" else ": set PODIUM_DATA for real ones."))
    commands = [
        command for name in names for command in (COMMANDS | APART).get(name, (f"benchmarks.{name}",))
    ]
    print(planned(commands, arguments.lines))
    end = time.monotonic() + 60 * arguments.minutes

    for command in commands:
        if time.monotonic() > end:
            print(f"NO TIME LEFT: python -m {command}")
            continue
        lines, good = run_command(command)
        if good:  # each is kept at once: a later one may fail, or somebody may lose patience
            keep(arguments.lines, command, lines)
            tables.write(arguments.lines, arguments.page)
        else:
            failed.append(command)

    for command in failed:
        print(f"FAILED: python -m {command}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
