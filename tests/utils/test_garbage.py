"""Garbage is not looked for while modules are imported, and is afterwards."""

import gc

import pytest

from tests.forks import python_process
from utils import garbage


@pytest.fixture
def restored():
    yield
    gc.enable()
    gc.unfreeze()


def test_what_is_there_when_the_search_begins_again_is_not_looked_at(restored):
    garbage.put_off()
    assert not gc.isenabled()

    garbage.look_again()

    assert gc.isenabled()
    assert gc.get_freeze_count()


def test_a_search_that_goes_on_already_looks_at_everything(restored):
    gc.unfreeze()

    garbage.look_again()

    assert gc.isenabled()
    assert not gc.get_freeze_count()


def test_a_command_looks_for_garbage_once_all_is_imported(tmp_path):
    code = (
        "import gc, runpy, sys\n"
        "assert not gc.get_freeze_count()\n"
        "sys.argv = ['run.py', '--mode', 'list']\n"
        "try:\n    runpy.run_path('run.py', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "assert gc.isenabled() and gc.get_freeze_count(), gc.get_freeze_count()\n"
    )

    process = python_process(tmp_path, "-c", code)

    _, errors = process.communicate()
    assert process.returncode == 0, errors
