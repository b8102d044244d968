"""Without the extra, a sweep says what to install, and nothing else needs it."""

import sys

from run import main
from tests.experiment.smallest import SMALLEST


def test_a_sweep_without_optuna_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    (tmp_path / "config.ini").write_text(f"{SMALLEST}[sweep.space]\noptimizer.lr = 0.1, 0.2\n")
    assert main(["--config", str(tmp_path / "config.ini"), "--mode", "sweep"]) == 2
    assert "pip install -r requirements-sweep.txt" in capsys.readouterr().err
