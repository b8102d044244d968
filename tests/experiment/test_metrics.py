"""[metric]: what a config may say of it, what is refused, and that it is the number that decides."""

from pathlib import Path

import pytest

from dataset.tasks.classification import ClassificationTask
from dataset.tasks.mask import MaskTask
from experiment.metrics import monitor_of, scored_by
from experiment.read_settings import settings_from
from utils.errors import ConfigError
from utils.ini import format_ini, read_ini

CONFIG = """
[run]
name = a
[paths]
data = data
[task]
name = MaskTask
[dataset]
name = SplitByProfileDataset
[images]
size = 8, 6
[model]
name = SmallResNet
[train]
epochs = 1
"""


def settings(folder: Path, text: str):
    path = folder / "config.ini"
    path.write_text(CONFIG + text, encoding="utf-8")
    return settings_from(read_ini(path), str(path))


def labels(*names: str) -> ClassificationTask:
    return ClassificationTask(root=Path(), labels_found=lambda: names)


def test_without_a_section_a_task_has_its_own_metrics(tmp_path):
    task = MaskTask()
    assert scored_by(task, settings(tmp_path, "")) is task
    assert task.main_scores == ("macro_f1", "accuracy")


def test_the_named_metric_decides_and_those_of_the_task_stand_beside_it(tmp_path):
    task = scored_by(MaskTask(), settings(tmp_path, "[metric]\nname = LogLoss\n[metric.TopK]\nk = 3\n"))
    assert task.main_scores == ("log_loss", "top3_accuracy", "macro_f1", "accuracy")
    assert {"class/log_loss", "age/log_loss", "gender/macro_f1", "class/f1/wear male old"} <= set(
        task.score_names
    )


def test_a_metric_may_score_another_question_than_the_deciding_one(tmp_path):
    task = scored_by(MaskTask(), settings(tmp_path, "[metric]\nname = QuadraticKappa\nof = age\n"))
    assert task.main_scores[0] == "age/quadratic_kappa"
    assert task.metrics[0].questions == ("age",)


def test_several_sections_without_a_first_one_decide_by_the_first_of_them(tmp_path):
    task = scored_by(MaskTask(), settings(tmp_path, "[metric.MicroF1]\n[metric.Accuracy]\nof = mask\n"))
    assert task.main_scores == ("micro_f1", "mask/accuracy", "macro_f1", "accuracy")


def test_a_resolved_config_names_the_same_metrics(tmp_path):
    text = "[metric]\nname = FBeta\nbeta = 0.5\n[metric.LogLoss]\nof = age\n"
    first = settings(tmp_path, text)
    path = tmp_path / "again.ini"
    path.write_text(format_ini(first.texts()), encoding="utf-8")
    again = settings_from(read_ini(path), str(path))
    names = [scored_by(MaskTask(), of).main_scores for of in (first, again)]
    assert names[0] == names[1] == ("macro_f0.5", "age/log_loss", "macro_f1", "accuracy")


def test_a_file_alone_is_a_metric_and_keeps_which_way_is_better(tmp_path):
    file = tmp_path / "cost.py"
    file.write_text("def score(labels, probabilities):\n    return 1.5\n", encoding="utf-8")
    task = scored_by(MaskTask(), settings(tmp_path, f"[metric]\nfile = {file}\nhigher_is_better = no\n"))
    assert task.main_scores[0] == "cost"
    assert task.direction("cost") == -1
    assert "age/cost" not in task.score_names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[metric]\nname = LogLos\n", "Did you mean 'LogLoss'?"),
        ("[metric]\nname = LogLoss\nclip = 1\n", "clip: 1 is not from 0 up to 0.4"),
        ("[metric]\nname = TopK\nn = 3\n", "has no key 'n'|no key for TopK|'n'"),
        ("[metric]\nname = TopK\nk = 0\n", "k"),
        ("[metric]\nname = SamplesF1\n", "SamplesF1 scores any number of labels for each image"),
        ("[metric]\nname = SamplesF1\n", "SamplesF1 scores any number of labels for each image, and"),
        ("[metric]\nname = RMSE\n", "the labels are no numbers: 'wear male young'"),
        ("[metric]\nname = RocAuc\npositive = male\n", "positive = male is for two labels"),
        ("[metric]\nname = RocAuc\nof = gender\npositive = mal\n", "Did you mean 'male'?"),
        ("[metric]\nname = FBeta\naverage = samples\n", "FBeta scores any number of labels"),
        ("[metric]\nfile = nowhere.py\n", "no such file"),
        ("[metric]\nname = FileMetric\n", "file"),
        ("[metric.Nothing]\n", "Nothing"),
    ],
)  # fmt: skip
def test_what_can_not_be_scored_is_refused_with_its_section_and_what_there_is(tmp_path, text, message):
    with pytest.raises(ConfigError) as refused:
        scored_by(MaskTask(), settings(tmp_path, text))
    assert any(part in str(refused.value) for part in message.split("|"))
    assert "[metric" in str(refused.value)


def test_instead_of_a_metric_those_are_named_that_can_score_the_question_and_none_for_a_wrong_option(
    tmp_path,
):
    with pytest.raises(ConfigError) as refused:
        scored_by(MaskTask(), settings(tmp_path, "[metric]\nname = RMSE\nof = age\n"))
    _, _, named = str(refused.value).partition("for that there are ")
    named = set(named.partition(" (")[0].split(", "))
    assert {"MacroF1", "LogLoss", "QuadraticKappa", "TopK"} <= named
    assert not named & {"RMSE", "MAE", "Pearson", "SamplesF1", "FileMetric"}
    with pytest.raises(ConfigError) as refused:
        scored_by(MaskTask(), settings(tmp_path, "[metric]\nname = RocAuc\nof = gender\npositive = mal\n"))
    assert "for that there are" not in str(refused.value)


def test_the_lower_epoch_is_best_by_a_metric_that_is_better_lower(tmp_path):
    task = scored_by(labels("0", "1"), settings(tmp_path, "[metric]\nname = RMSE\n"))
    monitor = monitor_of(task, task.main_scores[0])
    assert monitor.best([{"rmse": 0.4}, {"rmse": 0.2}, {"rmse": 0.3}]) == 1
    assert monitor_of(task, "macro_f1").best([{"macro_f1": 0.4}, {"macro_f1": 0.2}]) == 0
    assert monitor_of(task, "loss").best([{"loss": 0.4}, {"loss": 0.2}]) == 1


def test_a_label_that_is_called_like_a_metric_does_not_turn_its_f1_round(tmp_path):
    task = scored_by(labels("log_loss", "other"), settings(tmp_path, "[metric]\nname = LogLoss\n"))
    assert task.direction("label/f1/log_loss") == 1
    assert task.direction("label/log_loss") == -1
