"""The processes that tests fork don't wait for each other."""

from tests.forks import python_process

HOLDS = "import time, tqdm; tqdm.tqdm.get_lock().acquire(); print('held', flush=True); time.sleep(600)"
STARTS = f"""\
import subprocess, sys, tqdm
tqdm.tqdm.get_lock()
holder = subprocess.Popen([sys.executable, "-c", {HOLDS!r}], stdout=subprocess.PIPE)
assert holder.stdout.read(4) == b"held"
holder.kill()
print(sum(tqdm.tqdm(range(3))))
"""


def test_one_that_is_killed_while_it_draws_its_progress_stops_no_other(tmp_path):
    output, errors = python_process(tmp_path, "-c", STARTS).communicate(timeout=60)
    assert output.strip() == "3", errors
