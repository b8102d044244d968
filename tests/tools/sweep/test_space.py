"""The text of a search space: what it means, and that everything in it is checked before the first trial."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.experiment.smallest import SMALLEST
from tools.sweep.space import SECTION, SearchSpace
from utils.errors import ConfigError
from utils.ini import read_ini


@pytest.fixture
def space(tmp_path):
    def read(*lines):
        path = tmp_path / "config.ini"
        path.write_text(f"{SMALLEST}[{SECTION}]\n" + "".join(f"{line}\n" for line in lines))
        return SearchSpace.of(read_ini(path))

    return read


class Fixed:
    """A trial that answers the same way each time."""

    def __init__(self, choice=0, high=False):
        self.choice, self.high, self.asked = choice, high, {}

    def suggest_float(self, name, low, high, *, log):
        self.asked[name] = ("float", low, high, log)
        return high if self.high else low

    def suggest_int(self, name, low, high, *, log):
        self.asked[name] = ("int", low, high, log)
        return high if self.high else low

    def suggest_categorical(self, name, choices):
        self.asked[name] = tuple(choices)
        return choices[self.choice % len(choices)]


def test_ranges_choices_and_conditions(space):
    made = space(
        "loss.smoothing = 0.05 .. 0.2 where loss.name = LabelSmoothing",
        "optimizer.lr = 1e-4 .. 1e-1 log",
        "train.batch_size = 16, 32, 64",
        "loss.name = CrossEntropy, LabelSmoothing",
        "images.size = 32, 24 | 64, 48",
    )
    trial = Fixed()
    assert made.ask(trial) == {
        "optimizer.lr": "0.0001",
        "train.batch_size": "16",
        "loss.name": "CrossEntropy",
        "images.size": "32, 24",
    }
    assert trial.asked["optimizer.lr"] == ("float", 1e-4, 1e-1, True)
    assert made.ask(Fixed(choice=1, high=True))["loss.smoothing"] == "0.2"


def test_whole_ends_mean_whole_numbers_only_where_the_key_takes_no_others(space):
    trial = Fixed()
    made = space("train.epochs = 2 .. 9", "loss.weight = 0 .. 1")
    assert made.ask(trial) == {"train.epochs": "2", "loss.weight": "0.0"}
    assert trial.asked["train.epochs"][0] == "int"
    assert trial.asked["loss.weight"][0] == "float"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("optimizer.lrr = 1e-4 .. 1e-1", "Did you mean 'lr'?"),
        ("optimiser.lr = 1e-4 .. 1e-1", "Did you mean 'optimizer'?"),
        ("optimizer.lr = 1e-1 .. 1e-4", "1e-1 is not below 1e-4"),
        ("optimizer.lr = 0 .. 1 log", "log needs a lower end above 0"),
        ("optimizer.lr = ten .. twenty", "both ends are to be numbers"),
        ("optimizer.lr = 0.1 .. 0.2 logarithmic", "is not LOW .. HIGH"),
        ("optimizer.lr = 0.1, ten", "'ten' is not a number"),
        ("optimizer.lr = -1 .. 1", "-1 is not above 0"),
        ("optimizer.lr = nan .. 1", "nan is not below 1"),
        ("optimizer.lr = 1 .. inf", "1 is not below inf"),
        ("loss.name = CrossEntropy, Focall", "Did you mean 'Focal'?"),
        ("loss.name = Focal, Focal", "empty or there twice"),
        ("loss.name = Focal,", "empty or there twice"),
        ("lr = 1, 2", "is not of the form section.key"),
        ("paths.data = a, b", "says where things are"),
        ("run.seed = 1, 2", "says where things are or which run it is"),
        ("sweep.trials = 1, 2", "says where things are or which run it is"),
        ("loss.gamma = 1 .. 3 where loss.name = Focal", "that is no choice of this space"),
        ("train.epochs = 0 .. 9", "0 is not"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_before_the_first_trial(space, line, said):
    with pytest.raises(ConfigError) as caught:
        space("train.batch_size = 8, 16", line)
    assert said in str(caught.value)
    assert "config.ini line " in str(caught.value)
    assert "1 problem(s)" in str(caught.value)


def test_a_condition_names_a_choice_that_is_there(space):
    with pytest.raises(ConfigError, match="its choices are Focal, CrossEntropy"):
        space("loss.name = Focal, CrossEntropy", "loss.gamma = 1 .. 3 where loss.name = Focall")


def test_conditions_may_stand_on_each_other_but_not_in_a_circle(space):
    made = space(
        "train.clip = 1, 2 where optimizer.name = AdamW",
        "optimizer.name = SGD, AdamW where loss.name = Focal",
        "loss.name = Focal, CrossEntropy",
    )
    assert list(made.ask(Fixed())) == ["loss.name", "optimizer.name"]
    with pytest.raises(ConfigError, match="depend on each other"):
        space(
            "optimizer.name = SGD, AdamW where loss.name = Focal",
            "loss.name = Focal, CrossEntropy where optimizer.name = SGD",
        )


def test_without_a_space_there_is_nothing_to_try(space):
    with pytest.raises(ConfigError, match=r"needs a section \[sweep.space\]"):
        space()


@given(
    low=st.floats(1e-6, 1), factor=st.floats(1.5, 1e4), log=st.booleans(),
    choices=st.lists(st.integers(1, 500), min_size=1, max_size=5, unique=True),
)  # fmt: skip
def test_a_space_is_read_back_from_what_it_says(tmp_path_factory, low, factor, log, choices):
    path = tmp_path_factory.mktemp("space") / "config.ini"
    lines = [f"optimizer.lr = {low!r} .. {low * factor!r}{' log' if log else ''}"]
    lines.append(f"train.batch_size = {', '.join(map(str, choices))}")
    path.write_text(f"{SMALLEST}[{SECTION}]\n" + "".join(f"{line}\n" for line in lines))
    texts = SearchSpace.of(read_ini(path)).texts()
    path.write_text(f"{SMALLEST}[{SECTION}]\n" + "".join(f"{k} = {v}\n" for k, v in texts.items()))
    assert SearchSpace.of(read_ini(path)).texts() == texts
