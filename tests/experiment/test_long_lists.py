"""What a run with many classes prints: no line and no table of hundreds of names."""

from pathlib import Path

from dataset.tasks.classification import ClassificationTask
from dataset.tasks.multi_label import MultiLabelTask
from experiment.infer import _histograms
from experiment.report import _say_left_out

LABELS = tuple(f"whale_{i}" for i in range(300))


def test_the_counts_of_a_submission_are_shortened_to_the_most_frequent_and_name_the_file(tmp_path):
    task = ClassificationTask(root=tmp_path, labels_found=lambda: LABELS)
    rows = [{"label": f"whale_{i}"} for i in [250, 250, 7, *range(100, 130)]]
    (line,) = _histograms(rows, task, Path("runs/x/001"))
    assert line.startswith("label  whale_250:2  whale_7:1  ")
    assert line.endswith(f"... and 280 more, all in {Path('runs/x/001/submission.csv')}")
    few = ClassificationTask(root=tmp_path, labels_found=lambda: ("a", "b"))
    assert list(_histograms([{"label": "b"}], few, tmp_path)) == ["label  a:0  b:1"]


def test_a_submission_of_many_columns_counts_some_of_them_and_says_so(tmp_path):
    task = MultiLabelTask(root=tmp_path, labels_found=lambda: LABELS, submit="binary")
    lines = list(_histograms([dict.fromkeys(LABELS, "0")], task, tmp_path))
    assert len(lines) == 21
    assert lines[-1] == f"... and 280 columns more, all in {tmp_path / 'submission.csv'}"


def test_a_wrong_value_is_answered_with_the_first_of_many_labels(tmp_path):
    task = ClassificationTask(root=tmp_path, labels_found=lambda: LABELS)
    assert len(task.wrong_value("label", "shark")) < 400
    assert "... and 280 more" in task.wrong_value("label", "shark")


def test_what_is_left_out_is_all_named_in_a_file_where_it_is_much(tmp_path, caplog):
    _say_left_out([f"{i}.png is empty" for i in range(20)], tmp_path)
    assert len(caplog.records) == 20
    assert not list(tmp_path.iterdir())
    caplog.clear()
    problems = [f"{i}.png is empty" for i in range(500)]
    _say_left_out(problems, tmp_path)
    assert len(caplog.records) == 21
    assert "... and 480 more, all in" in caplog.text
    assert (tmp_path / "left_out.txt").read_text(encoding="utf-8").splitlines() == problems
