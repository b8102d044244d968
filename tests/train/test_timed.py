"""The loop with a stopwatch."""

from dataset.augmentation.train_augmentation import TrainAugmentation
from tests.train.rig import SIZE, assert_same_bits, fixed, tiny, trainer
from train.timed import TimedTrainer
from train.trainer import Trainer


def run(kind: type[Trainer]) -> Trainer:
    chain = [TrainAugmentation(size=SIZE)]
    loop = trainer(fixed(tiny, dropout=0.2), epochs=2, accumulate=2, clip=1.0, chain=chain, loop=kind)
    loop.fit()
    return loop


def test_measuring_changes_no_bit() -> None:
    assert_same_bits(run(TimedTrainer).state, run(Trainer).state)


def test_each_part_of_the_work_has_its_seconds() -> None:
    parts = run(TimedTrainer).state.watch.read()
    assert list(parts) == ["data", "augmentation", "model", "optimiser", "validation"]
    assert all(seconds > 0 for seconds in parts.values())


def test_the_loop_itself_measures_nothing() -> None:
    assert run(Trainer).state.watch.read() == {}
