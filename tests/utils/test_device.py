"""Memory that is kept, in a process of its own."""

import platform

import pytest

from tests.forks import python_process

_FAULTS = """
import resource, torch
from utils.device import keep_freed_memory

torch.set_num_threads(1)


def faults():
    step = lambda: [torch.ones(10 * 2**20) for _ in range(3)]  # 3 times 40 MB
    for _ in range(2):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


given_back = faults()
keep_freed_memory()
print(given_back, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_freed_memory_is_used_again(tmp_path):
    process = python_process(tmp_path, "-c", _FAULTS)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    given_back, kept = map(int, out.split())
    assert kept * 5 < given_back
