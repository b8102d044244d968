"""A run of three folds that was trained one after another."""

import pytest
import torch

from tests.people import lay_out_people
from tests.test_run import CONFIG
from tests.tools.workers.three_folds import FOLDS, podium
from tools.workers import slots


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run of three folds, trained one after another with one thread each."""
    work = tmp_path_factory.mktemp("workers")
    lay_out_people(work / "data")
    text = CONFIG.format(data=work / "data", work=work).replace("name = test", "name = one")
    (work / "config.ini").write_text(text, encoding="utf-8")
    assert podium(work / "config.ini", *FOLDS, "--set", "workers.threads=1") == 0
    return work


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(slots, "cores", lambda: 8)
    yield
    torch.set_num_threads(1)
