"""The answer to an image that can't be read: the shares of the training labels, for every kind of space."""

import numpy as np
import pytest
import torch

from dataset.tasks.spaces import AnyOf, OneOf
from inference.predict import Predictions
from inference.priors import FILE, priors_of, read_priors, with_priors, write_priors
from inference.unreadable import by_id, keep_list, read_list, say_unreadable
from utils.durable import write_json

KIND, TAGS = OneOf("kind", ("a", "b", "c")), AnyOf("tags", ("x", "y"))
TARGETS = {
    "kind": torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]]),  # the last has no label
    "tags": torch.tensor([[1.0, 0], [1, 1], [0, 0], [1, 0]]),
}


def test_shares_are_of_labelled_images_in_a_one_of_space_and_of_all_in_an_any_of_space():
    priors = priors_of((KIND, TAGS), TARGETS)
    assert priors["kind"].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert priors["tags"].tolist() == pytest.approx([3 / 4, 1 / 4])


def test_shares_of_no_label_at_all_are_equal_and_of_soft_targets_are_their_means():
    assert KIND.shares(torch.zeros(4, 3)).tolist() == pytest.approx([1 / 3] * 3)
    assert TAGS.shares(torch.zeros(0, 2)).tolist() == [0, 0]
    assert KIND.shares(torch.tensor([[0.5, 0.5, 0], [0, 0.5, 0.5]])).tolist() == pytest.approx(
        [0.25, 0.5, 0.25]
    )


def test_what_is_written_is_read_again_by_the_names_of_labels(tmp_path):
    priors = priors_of((KIND, TAGS), TARGETS)
    write_priors(tmp_path, (KIND, TAGS), priors)
    turned = read_priors(tmp_path, (OneOf("kind", ("c", "a", "b")), TAGS))
    assert turned["kind"].tolist() == pytest.approx([0, 2 / 3, 1 / 3])
    assert read_priors(tmp_path, (OneOf("kind", ("a", "other")),)) is None
    assert read_priors(tmp_path / "none", (KIND,)) is None


def test_unreadable_rows_get_the_priors_and_all_others_keep_every_bit():
    rows = np.array([0, 2, 3])
    logits = {"kind": torch.randn(3, 3), "tags": torch.randn(3, 2)}
    priors = priors_of((KIND, TAGS), TARGETS)
    found = with_priors(Predictions(rows, logits, {}), 5, {1: "cut", 4: "empty"}, priors, (KIND, TAGS))
    assert found.rows.tolist() == [0, 1, 2, 3, 4]
    for space in (KIND, TAGS):
        values = found.logits[space.name]
        assert torch.equal(values[torch.from_numpy(rows)], logits[space.name])
        assert values.isfinite().all()
        for row in (1, 4):
            torch.testing.assert_close(space.probabilities(values[row][None])[0].double(), priors[space.name])


def test_the_list_is_written_said_read_again_and_taken_away(tmp_path, caplog):
    why = by_id(("p.jpg", "q.jpg", "사진.jpg"), {2: "cut, off", 0: "empty"})
    assert list(why) == ["p.jpg", "사진.jpg"]
    keep_list(tmp_path, why)
    assert read_list(tmp_path) == why
    with caplog.at_level("WARNING", "podium"):
        say_unreadable(tmp_path, why)
    assert "NOT LOOKED AT: 2 eval image(s)" in caplog.text
    assert "사진.jpg: cut, off" in caplog.text
    keep_list(tmp_path, {})
    assert read_list(tmp_path) == {}
    caplog.clear()
    say_unreadable(tmp_path, {})
    assert not caplog.text


def test_a_long_list_is_shortened_in_the_log_and_whole_in_the_file(tmp_path, caplog):
    why = {f"{number}.jpg": "empty" for number in range(40)}
    keep_list(tmp_path, why)
    with caplog.at_level("WARNING", "podium"):
        say_unreadable(tmp_path, why)
    assert "... and 10 more" in caplog.text
    assert len(read_list(tmp_path)) == 40


@pytest.mark.parametrize("value", [{"kind": {"a": -1, "b": 0, "c": 0}}, {"kind": []}, {"kind": {"a": [1]}}])
def test_what_is_no_share_is_not_taken(tmp_path, value):
    write_json(tmp_path / FILE, value)
    assert read_priors(tmp_path, (KIND,)) is None
