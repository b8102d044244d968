"""Garbage is not looked for while modules are imported, and is afterwards."""

import gc
import sys

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


@pytest.mark.parametrize("looks", [True, False])
def test_a_large_module_is_imported_once_without_a_search(restored, tmp_path, monkeypatch, looks):
    gc.unfreeze()
    (tmp_path / "large_one.py").write_text("import gc\nsearched = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    if not looks:
        garbage.put_off()

    garbage.import_large("large_one")

    assert sys.modules.pop("large_one").searched is False
    assert gc.isenabled() == looks == bool(gc.get_freeze_count())

    gc.unfreeze()
    garbage.import_large("pytest")  # which is there already
    assert not gc.get_freeze_count()


def test_a_large_module_that_fails_leaves_the_search_on(restored, tmp_path, monkeypatch):
    (tmp_path / "large_bad.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZeroDivisionError):
        garbage.import_large("large_bad")
    assert gc.isenabled()
