"""Scores of the trained weights beside those of their average."""

from tests.train.rig import TASK, fixed, tiny, trainer
from train.callbacks.ema import EMA
from train.callbacks.raw_scores import RawScores


def test_raw_scores_are_those_of_the_same_run_without_an_average() -> None:
    plain = trainer(fixed(tiny), epochs=3, adam=True)
    raw = RawScores(task=TASK, validator=plain.validator)
    averaged = trainer(fixed(tiny), epochs=3, adam=True, callbacks=[EMA(decay=0.9), raw])
    without, beside = plain.fit().history, averaged.fit().history
    for name in TASK.main_scores:
        assert [entry[f"raw_{name}"] for entry in beside] == [entry[name] for entry in without]
    assert [entry["loss"] for entry in beside] != [entry["loss"] for entry in without]


def test_without_an_average_nothing_is_added_and_nothing_validated_again() -> None:
    raw = RawScores(task=TASK, validator=None)  # type: ignore[arg-type]
    (entry,) = trainer(fixed(tiny), callbacks=[raw]).fit().history
    assert not [name for name in entry if name.startswith("raw_")]
