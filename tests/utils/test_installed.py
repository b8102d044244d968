"""A Python without the packages that Podium needs is told of in a sentence."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from utils import installed
from utils.installed import not_installed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arguments", [(), ("--mode", "infer"), ("--mode", "list", "Focal")])
def test_the_wrong_python_is_told_of_in_a_sentence(arguments: tuple[str, ...]) -> None:
    code = (
        "import runpy, sys\n"
        "for name in ('torch', 'dotenv', 'timm'): sys.modules[name] = None\n"  # as if they were not there
        f"sys.argv = ['run.py', *{arguments!r}]\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        f"runpy.run_path({str(ROOT / 'run.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{sys.executable} has no package ")
    assert "Traceback" not in done.stderr


def test_who_has_a_venv_is_told_to_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "_ROOT", tmp_path)
    error = ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")
    assert "pip install -r requirements.txt" in str(not_installed(error))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    assert f". {tmp_path}/.venv/bin/activate" in str(not_installed(error))


def test_a_module_of_our_own_that_is_not_there_is_our_mistake() -> None:
    assert not_installed(ModuleNotFoundError("No module named 'utils.gone'", name="utils.gone")) is None


def test_a_python_that_is_too_old_is_told_of_before_anything_is_imported() -> None:
    code = f"import runpy, sys; sys.version_info = (3, 10, 4); runpy.run_path({str(ROOT / 'run.py')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Podium needs Python 3.11 or newer, and {sys.executable} is ")


def test_the_line_that_imports_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "_ROOT", tmp_path)
    (tmp_path / "mine.py").write_text("# a loss of somebody's own\nimport nowhere_to_be_had\n")
    with pytest.raises(ModuleNotFoundError) as caught:
        runpy.run_path(str(tmp_path / "mine.py"))
    text = str(not_installed(caught.value))
    assert "no package 'nowhere_to_be_had', which mine.py line 2 imports. Install" in text
