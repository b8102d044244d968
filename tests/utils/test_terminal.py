"""Standard output that breaks ends nothing that is being done, and is not taken for a success."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
WORK = """
import logging, os, sys
from pathlib import Path
from utils.logs import log, log_to_terminal, logged_to
from utils.terminal import guarded_terminal
with guarded_terminal() as output:
    log_to_terminal()
    with logged_to(Path(sys.argv[1])):
        for number in range(3000):
            log.info("line %d of what is said", number)
    Path(sys.argv[1] + ".failure").write_text(output.failure)
"""


def work(path: Path, stdout: int | None, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WORK, str(path)]
    return subprocess.run(
        command, cwd=REPOSITORY, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, **options
    )


def reader_that_is_gone() -> int:
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.mark.parametrize("how", ["closed", "full", "nobody reads", "whole"])
def test_work_goes_on_without_standard_output_and_the_log_is_whole(how: str, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    options: dict[str, object] = {"preexec_fn": lambda: os.close(1)} if how == "closed" else {}
    given = {"full": lambda: os.open("/dev/full", os.O_WRONLY), "nobody reads": reader_that_is_gone}
    stdout = given.get(how, lambda: subprocess.DEVNULL)()
    done = work(path, None if how == "closed" else stdout, **options)
    assert done.returncode == 0
    assert len(path.read_text().splitlines()) == 3000
    failure = (tmp_path / "log.txt.failure").read_text()
    said = {"closed": "it is closed", "full": "No space left on device", "nobody reads": "Broken pipe"}
    assert failure == said.get(how, "")
    expected = f"Standard output can't be written ({failure}): going on without it.\n"
    assert done.stderr == (expected if how in ("closed", "full") else "")
