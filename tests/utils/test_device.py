"""Memory that is kept, in processes of their own."""

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys, torch
from utils.device import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
torch.set_num_threads(1)
step = lambda: [torch.ones(10 * 2**20) for _ in range(3)]  # 3 times 40 MB
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(30):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow  # two imports of torch
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_freed_memory_is_used_again():
    asked_of_the_system = {
        how: int(subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("kept", "given back")
    }
    assert asked_of_the_system["kept"] * 5 < asked_of_the_system["given back"]
