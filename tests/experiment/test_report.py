"""What a run says of the labels that it can't learn, or can't judge."""

import pytest

from dataset.readers.base import DATASETS
from dataset.tasks.base import TASKS
from experiment.report import missing_lines
from utils.registry import Component


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a,1", "b,1", "a,0", "b,0"], []),
        (["a,1", "b,1", "a,0", "b,0", "c,0"], ["No training image has c: it can't be learnt."]),
        (
            ["a,1", "b,1", "a,0", "c,1"],
            ["No validation image has b, c: scores say nothing about it."],
        ),
    ],
)
def test_a_label_without_a_training_or_a_validation_image_is_named(rows, said, tmp_path):
    (tmp_path / "train").mkdir()
    for number in range(len(rows)):
        (tmp_path / "train" / f"{number}.png").touch()
    lines = [f"{number}.png,{row}" for number, row in enumerate(rows)]
    (tmp_path / "train.csv").write_text("\n".join(["image,label,fold", *lines]))

    component = Component.of("CsvDataset", label_column="label", fold_column="fold")
    names = tuple(sorted({row[0] for row in rows}))
    task = TASKS.build(Component.of("ClassificationTask"), root=tmp_path, labels_found=lambda: names)
    data = DATASETS.build(component, root=tmp_path, task=task, seed=0)
    assert missing_lines(task, data, "class_table.csv") == said
