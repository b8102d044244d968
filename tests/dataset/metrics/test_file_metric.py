"""A metric that a team wrote in a file of its own, and what is said of a file that is wrong."""

from pathlib import Path

import numpy as np
import pytest

from dataset.metrics.draws import Draws
from dataset.metrics.evidence import AnyOfEvidence, OneOfEvidence
from dataset.metrics.file_metric import FileMetric
from dataset.metrics.roc_auc import RocAuc
from utils.errors import ConfigError

COLUMN_WISE_AUC = """
import numpy as np
from sklearn.metrics import roc_auc_score

def score(labels, probabilities):
    columns = range(labels.shape[1])
    return np.mean([roc_auc_score(labels[:, k], probabilities[:, k]) for k in columns])
"""


@pytest.fixture
def evidence():
    random = np.random.default_rng(0)
    true, sure = random.random((60, 3)) < 0.4, random.random((60, 3))
    return AnyOfEvidence(("a", "b", "c"), true, lambda: sure >= 0.5, lambda: sure)


def written(folder: Path, text: str) -> FileMetric:
    file = folder / "my_metric.py"
    file.write_text(text, encoding="utf-8")
    return FileMetric(file=file)


def test_the_mean_column_wise_auc_of_a_stranger_is_ours(tmp_path, evidence):
    metric = written(tmp_path, COLUMN_WISE_AUC)
    assert metric.name == "my_metric"
    assert metric.score(evidence) == pytest.approx(RocAuc().score(evidence), abs=1e-12)
    draws = Draws([str(image // 2) for image in range(60)], seed=1, repeats=30)
    own, ours = (of.statistic(evidence).drawn(draws) for of in (metric, RocAuc()))
    assert own == pytest.approx(ours, abs=1e-12)


def test_labels_are_columns_of_0_and_1_of_the_labelled_images_alone(tmp_path):
    text = "seen = []\ndef score(*both):\n    seen.append(both)\n    return 1\n"
    metric = written(tmp_path, text)
    sure = np.arange(9).reshape(3, 3) / 10
    evidence = OneOfEvidence(
        ("a", "b", "c"), np.array([2, -1, 0]), lambda: np.zeros(3, dtype=int), lambda: sure
    )
    assert metric.score(evidence) == 1.0
    ((labels, probabilities),) = metric._score.__globals__["seen"]
    assert labels.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert probabilities.tolist() == sure[[0, 2]].tolist()


def test_a_draw_of_which_it_can_say_nothing_is_left_out(tmp_path):
    metric = written(
        tmp_path,
        COLUMN_WISE_AUC.replace(
            "columns = range", "assert labels.all(axis=0).sum() == 0\n    columns = range"
        ),
    )
    true = np.array([[1, 0], [0, 1], [1, 1]], dtype=bool)
    evidence = AnyOfEvidence(("a", "b"), true, lambda: true, lambda: true * 1.0)
    drawn = metric.statistic(evidence).drawn(Draws(["x", "y", "z"], seed=0, repeats=40))[:, 0]
    assert np.isnan(drawn).any()
    assert set(drawn[~np.isnan(drawn)].tolist()) == {1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def score(labels, probabilities)\n    return 1\n", "line 1 is no Python"),
        ("import nothing_like_it\n", "line 1: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("def scores(labels, probabilities):\n    return 1\n", "there is no function score. Is it 'scores'?"),
        ("score = 0.5\n", "there is no function score"),
        ("\ndef score(labels):\n    return 1\n", "line 2: score(labels) can't be called with (labels, prob"),
        (
            "def score(labels, probabilities, weights):\n    return 1\n",
            "line 1: score(labels, probabilities, w",
        ),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(ConfigError, match=r"my_metric\.py") as refused:
        written(tmp_path, text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return labels[10_000]", "line 3: IndexError"),
        ("return 0 / 0", "line 3: ZeroDivisionError: division by zero"),
        ("return helper(labels)", "line 6: KeyError: 'x'"),
        ("return float('nan')", "returned nan for 60 images: return a finite number"),
        ("return np.inf", "returned inf"),
        ("return 'good'", "returned 'good', a str, and no float"),
        ("return None", "returned None, a NoneType, and no float"),
        ("return labels.mean(axis=0)", "ndarray, and no float: end it with return float(...)"),
        ("return True", "returned True, a bool"),
    ],
)
def test_what_goes_wrong_in_it_is_said_with_file_and_line(tmp_path, evidence, body, message):
    text = f"import numpy as np\ndef score(labels, probabilities):\n    {body}\n\n"
    text += "def helper(of):\n    return {}['x']\n"
    metric = written(tmp_path, text)
    with pytest.raises(ConfigError, match=r"my_metric\.py") as refused:
        metric.score(evidence)
    assert message in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        FileMetric(file=tmp_path / "metric.py")


def test_a_file_that_was_changed_is_read_anew(tmp_path, evidence):
    assert written(tmp_path, "def score(labels, probabilities):\n    return 1\n").score(evidence) == 1
    assert written(tmp_path, "def score(labels, probabilities):\n    return 2\n").score(evidence) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["my_metric.py"]


def test_numpy_numbers_and_whole_numbers_are_floats(tmp_path, evidence):
    for value in ("np.float32(0.5)", "np.int64(1)", "1"):
        text = f"import numpy as np\ndef score(labels, probabilities):\n    return {value}\n"
        assert type(written(tmp_path, text).score(evidence)) is float
