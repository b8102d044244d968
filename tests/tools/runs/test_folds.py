"""Which folds a row of the table says validated."""

from pathlib import Path

import pytest

from tests.tools.runs.made import made_run
from tools.runs.facts import _folds, read_facts
from utils.durable import write_json


@pytest.mark.parametrize(
    ("texts", "members", "said"),
    [
        ({"dataset.valid_fold": "3"}, [], "3"),
        ({"run.folds": "all"}, ["fold-0", "fold-1"], "all of 2"),
        ({"run.folds": "0, 1"}, ["fold-0", "fold-1"], "0, 1"),
        (
            {"run.folds": "0, 1"},
            ["fold-0-seed-1", "fold-0-seed-2", "fold-1-seed-1", "fold-1-seed-2"],
            "2 x 2",
        ),
        ({"train.final": "runs/x/001"}, [], "none"),
    ],
)
def test_folds_are_those_that_validated(texts, members, said):
    assert _folds(texts, [Path(member) for member in members]) == said


def test_a_run_that_was_made_of_others_says_which_folds_its_images_are_of(tmp_path):
    made = made_run(tmp_path / "x_ensemble" / "001", dataset__folds="3")
    table = made / "out_of_fold.csv"
    table.write_text("image,fold,group\na,0,x\nb,2,y\nc,1,z\nd,2,y\n", encoding="utf-8")
    assert read_facts(made, "").folds == "all of 3"
    table.write_text("image,fold,group\na,10,x\nb,2,y\n", encoding="utf-8")
    assert read_facts(made, "").folds == "2, 10"
    table.write_bytes(b"image,fold,group\na,0,\xff\n")
    facts = read_facts(made, "")
    assert facts.state == "damaged"
    assert facts.problem


def test_a_soup_says_which_fold_its_images_are_of(tmp_path):
    made = made_run(tmp_path / "x_soup" / "001", dataset__valid_fold="0")
    write_json(made / "environment.json", {"ingredients": ["a", "b"]})
    (made / "valid_predictions.csv").write_text("image,fold,group\na,4,x\n", encoding="utf-8")
    assert read_facts(made, "").folds == "4"
