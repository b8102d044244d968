"""The 18 classes, the age policy and the scores of the mask competition."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import accuracy_score, f1_score

from dataset.class_table import class_table
from dataset.readers.split_by_profile_dataset import SplitByProfileDataset
from dataset.samplers.base import SAMPLERS
from dataset.tasks.age_ranges import AgeRanges
from dataset.tasks.base import TASKS
from dataset.tasks.mask import AGES, CLASSES, GENDERS, MASKS, MaskTask, soft_bands
from loss.class_weights import ClassWeights
from utils.errors import ConfigError
from utils.registry import Component

EVERY_CLASS = [
    (6 * mask + 3 * gender + age, {"photo": photo, "gender": gender_name, "age": years})
    for mask, photo in enumerate(["mask3", "incorrect_mask", "normal"])
    for gender, gender_name in enumerate(["male", "female"])
    for age, years in enumerate(["25", "45", "60"])
]


def one_hot(classes):
    """Return (three targets, one joint target) of class numbers."""
    classes = torch.as_tensor(classes)

    def coded(index, count):
        return torch.nn.functional.one_hot(index, count).float()

    three = {
        "mask": coded(classes // 6, 3),
        "gender": coded(classes // 3 % 2, 2),
        "age": coded(classes % 3, 3),
    }
    return three, {"class": coded(classes, 18)}


@pytest.mark.parametrize(("label", "facts"), EVERY_CLASS)
def test_each_class_is_six_masks_plus_three_genders_plus_age(label, facts):
    for task in (MaskTask(), MaskTask(joint=True)):
        targets = task.targets([task.encode(facts)])
        assert {name: tuple(t.shape) for name, t in targets.items()} == {
            name: (1, count) for name, count in task.heads.items()
        }
        assert all(t.sum() == 1 for t in targets.values())
        answers = task.answers(targets)
        assert answers["class"].tolist() == [label]
        # decoded as the organiser does
        assert answers["mask"].tolist() == [label // 6 % 3]
        assert answers["gender"].tolist() == [label // 3 % 2]
        assert answers["age"].tolist() == [label % 3]
        assert task.rows(targets) == [{"ans": str(label)}]


def test_all_eighteen_classes_are_there_and_named():
    assert [label for label, _ in EVERY_CLASS] == list(range(18))
    assert (len(CLASSES), len(set(CLASSES))) == (18, 18)
    assert CLASSES[0] == "wear male young"
    assert CLASSES[8] == "incorrect male old"
    assert CLASSES[17] == "normal female old"
    assert MaskTask().allowed == {"ans": tuple(str(label) for label in range(18))}


@pytest.mark.parametrize("number", range(1, 6))
def test_all_five_mask_photos_are_worn_masks(number):
    assert MaskTask().encode({"photo": f"mask{number}", "gender": "male", "age": "20"})["mask"] == (0,)


@pytest.mark.parametrize(
    ("age", "band"), [("0", 0), ("29", 0), ("30", 1), ("59", 1), ("60", 2), ("61", 2), ("120", 2)]
)
def test_the_age_lines_are_exactly_at_30_and_60(age, band):
    facts = {"photo": "normal", "gender": "male", "age": age}
    assert MaskTask().encode(facts)["age"] == (band,)
    assert MaskTask().encode_for_training(facts)["age"] == (band,)


@pytest.mark.parametrize("age", [0, 29, 30, 57, 58, 59, 60, 120])
def test_a_shifted_line_touches_training_only(age):
    # defect 3 of a published pipeline: scoring with the shifted line flatters every model
    task = MaskTask(train_age_boundaries=(30, 58))
    facts = {"photo": "normal", "gender": "female", "age": str(age)}
    assert task.encode(facts) == MaskTask().encode(facts)
    assert task.encode_for_training(facts)["age"] == ((age >= 30) + (age >= 58),)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize(
    ("age", "kept"), [("56", True), ("57", False), ("58", False), ("59", False), ("60", True)]
)
def test_dropped_ages_are_left_out_of_training_and_still_scored(joint, age, kept):
    task = MaskTask(joint=joint, drop_ages=AgeRanges(((57, 59),)))
    facts = {"photo": "normal", "gender": "female", "age": age}
    assert (task.encode_for_training(facts) is not None) is kept
    assert task.encode(facts) == MaskTask(joint=joint).encode(facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"gender": "mal"},
        {"gender": ""},
        {"age": "twenty"},
        {"age": "29.5"},
        {"age": "-1"},
        {"age": ""},
        {"age": "121"},
        {"photo": "mask6"},
    ],
)
def test_a_fact_that_the_competition_does_not_know_is_refused_by_name(facts):
    (field, value), *_ = facts.items()
    with pytest.raises(ValueError, match=f"{field} '{value}'"):
        MaskTask().encode({"photo": "normal", "gender": "male", "age": "20"} | facts)


@pytest.mark.parametrize("text", ["60, 30", "30, 30", "0, 60", "30, 121"])
@pytest.mark.parametrize("key", ["age_boundaries", "train_age_boundaries"])
def test_age_lines_that_do_not_rise_are_refused(key, text):
    with pytest.raises(ConfigError, match="must rise"):
        TASKS.build(Component.of("MaskTask", **{key: text}))


@given(st.lists(st.tuples(st.integers(0, 17), st.integers(0, 17)), min_size=1, max_size=30))
def test_scores_are_sklearns_with_all_labels_for_one_head_and_for_three(pairs):
    # trap: labels=range(18), or an absent class changes the mean
    true, chosen = map(list, zip(*pairs, strict=True))
    (true3, true1), (chosen3, chosen1) = one_hot(true), one_hot(chosen)
    scores = MaskTask().scores(chosen3, true3)
    assert MaskTask(joint=True).scores(chosen1, true1) == scores
    assert MaskTask(joint=True).rows(chosen1) == MaskTask().rows(chosen3)
    options = {"average": "macro", "zero_division": 0}
    assert scores["macro_f1"] == pytest.approx(f1_score(true, chosen, labels=range(18), **options))
    assert scores["accuracy"] == pytest.approx(accuracy_score(true, chosen))
    assert scores["class/macro_f1"] == scores["macro_f1"]
    parts = {"mask": lambda y: y // 6, "gender": lambda y: y // 3 % 2, "age": lambda y: y % 3}
    for (view, part), names in zip(parts.items(), (MASKS, GENDERS, AGES), strict=True):
        t, c = part(np.array(true)), part(np.array(chosen))
        each = f1_score(t, c, labels=range(len(names)), average=None, zero_division=0)
        assert scores[f"{view}/accuracy"] == pytest.approx(accuracy_score(t, c))
        assert scores[f"{view}/macro_f1"] == pytest.approx(each.mean())
        assert [scores[f"{view}/f1/{name}"] for name in names] == pytest.approx(each)


def test_score_names_are_those_of_the_scores_and_hold_eight_label_f1s():
    task = MaskTask()
    three, _ = one_hot([0, 5])
    assert task.score_names == tuple(task.scores(three, three))
    labels = [name for name in task.score_names if name.split("/")[0] in ("mask", "gender", "age")]
    assert sum("/f1/" in name for name in labels) == 8


@pytest.mark.parametrize("joint", [False, True])
def test_images_without_labels_are_left_out_of_scores(joint):
    task = MaskTask(joint=joint)
    true, chosen = one_hot([0, 5, 9, 17])[joint], one_hot([0, 5, 2, 3])[joint]
    for targets in true.values():
        targets[2:] = 0  # not labelled
    scores = task.scores(chosen, true)
    assert scores["accuracy"] == 1
    assert scores["gender/accuracy"] == 1
    assert task.answers(true)["class"].tolist() == [0, 5, -1, -1]
    assert all(c.counts.sum() == 2 for c in task.confusions(chosen, true).values())


def test_an_image_labelled_in_one_space_counts_there_only():
    true, _ = one_hot([17, 0])
    true["age"][0] = 0
    counts = {name: c.counts.sum() for name, c in MaskTask().confusions(one_hot([0, 0])[0], true).items()}
    assert counts == {"mask": 2, "gender": 2, "age": 1, "class": 1}


def test_no_labelled_image_gives_scores_of_zero_and_not_a_crash():
    nothing = {name: torch.zeros(2, count) for name, count in MaskTask().heads.items()}
    assert set(MaskTask().scores(one_hot([3, 4])[0], nothing).values()) == {0.0}


def test_decisions_and_probabilities_come_from_the_logits():
    logits = {"mask": [[0.0, 2.0, 1.0]], "gender": [[3.0, -3.0]], "age": [[-1.0, -2.0, 5.0]]}
    logits = {name: torch.tensor(values) for name, values in logits.items()}
    choices = MaskTask().decide(logits)
    assert MaskTask().rows(choices) == [{"ans": str(6 * 1 + 3 * 0 + 2)}]
    for name, probabilities in MaskTask().probabilities(logits).items():
        assert probabilities.sum().item() == pytest.approx(1)
        assert choices[name].dtype == torch.bool
        assert torch.equal(choices[name].float().argmax(1), probabilities.argmax(1))


ranges = st.lists(
    st.tuples(st.integers(0, 130), st.integers(0, 20)).map(lambda r: (r[0], sum(r))), max_size=4
)


@given(ranges)
def test_age_ranges_hold_both_ends_and_survive_being_written(drawn):
    found = AgeRanges.from_text(", ".join(f"{low} - {high}" for low, high in drawn))
    assert found.ranges == tuple(drawn)
    assert AgeRanges.from_text(str(found)) == found
    inside = set(itertools.chain.from_iterable(range(low, high + 1) for low, high in drawn))
    assert {age for age in range(160) if age in found} == inside


def test_a_single_age_is_a_range():
    assert AgeRanges.from_text("60") == AgeRanges(((60, 60),))
    assert AgeRanges.from_text(" ").ranges == ()


@pytest.mark.parametrize("text", ["59-57", "old", "57--59", "-3", "57-59-60", "57.5"])
def test_what_is_no_age_range_is_refused(text):
    with pytest.raises(ValueError, match="57-59"):
        AgeRanges.from_text(text)


def test_mistakes_are_wrong_answers_and_the_most_surprising_come_first():
    logits = {
        "mask": torch.tensor([[9.0, 0, 0], [0, 9.0, 0], [0, 2.0, 0], [9.0, 0, 0]]),
        "gender": torch.tensor([[9.0, 0]]).repeat(4, 1),
        "age": torch.tensor([[9.0, 0, 0]]).repeat(4, 1),
    }
    right = {"mask": (0,), "gender": (0,), "age": (0,)}
    targets = MaskTask().targets([right] * 3 + [right | {"mask": ()}])
    assert MaskTask().mistakes(logits, targets).tolist() == [1, 2]  # 0 is right, 3 is not labelled


def aged(age):
    return {"photo": "incorrect_mask", "gender": "female", "age": str(age)}


@pytest.mark.parametrize(
    ("age", "boundaries", "deviation", "expected"),
    [
        (59, (30, 60), 1, (0.0, 0.691462, 0.308538)),  # half a year below the line: Phi(-1/2) is beyond it
        (60, (30, 60), 1, (0.0, 0.308538, 0.691462)),
        (58, (30, 60), 3, (0.0, 0.691462, 0.308538)),
        (57, (30, 58), 0.5, (0.0, 0.841345, 0.158655)),  # Phi(1) by the training line at 58
        (29, (30, 60), 0.25, (0.977250, 0.022750, 0.0)),  # Phi(2)
        (45, (40, 51), 5.5, (0.158655, 0.682689, 0.158655)),  # a deviation on each side of the band
    ],
)
@pytest.mark.parametrize("joint", [False, True])
def test_soft_ages_are_the_normal_shares_of_each_band(joint, age, boundaries, deviation, expected):
    task = MaskTask(joint=joint, train_age_boundaries=boundaries, soft_age=deviation)
    targets = task.targets([task.encode_for_training(aged(age))])
    if joint:  # the classes with the mask worn wrongly by a woman are 9, 10, 11
        assert targets["class"][0, 9:12].tolist() == pytest.approx(expected, abs=1e-6)
        assert targets["class"][0, [*range(9), *range(12, 18)]].sum() == 0
    else:
        assert targets["age"][0].tolist() == pytest.approx(expected, abs=1e-6)
        assert targets["mask"].tolist() == [[0, 1, 0]]
        assert targets["gender"].tolist() == [[0, 1]]


lines = st.lists(st.integers(1, 120), min_size=2, max_size=2, unique=True).map(lambda b: tuple(sorted(b)))


@given(st.integers(0, 120), lines, st.floats(0.01, 30), st.booleans())
def test_soft_ages_are_scipys_and_sum_to_one(age, boundaries, deviation, joint):
    task = MaskTask(joint=joint, train_age_boundaries=boundaries, soft_age=deviation)
    row = task.targets([task.encode_for_training(aged(age))])["class" if joint else "age"][0]
    shares = row[9:12] if joint else row
    below = norm.cdf([-np.inf, *boundaries, np.inf], loc=age + 0.5, scale=deviation)
    assert shares.tolist() == pytest.approx(np.diff(below).tolist(), abs=1e-6)
    assert float(row.sum()) == pytest.approx(1, abs=1e-6)
    assert (row >= 0).all()


@given(lines, st.floats(0.1, 20))
def test_who_is_older_is_never_less_likely_old_nor_more_likely_young(boundaries, deviation):
    shares = [soft_bands(age, boundaries, deviation) for age in range(0, 121)]
    assert all(a[0] >= b[0] and a[2] <= b[2] for a, b in itertools.pairwise(shares))


@given(st.integers(0, 120), lines)
def test_a_small_deviation_gives_hard_labels_and_none_gives_the_same_as_without(age, boundaries):
    hard, soft = (MaskTask(train_age_boundaries=boundaries, soft_age=years) for years in (0, 0.05))
    expected = hard.encode_for_training(aged(age))
    assert expected == MaskTask(train_age_boundaries=boundaries).encode_for_training(aged(age))
    found = soft.targets([soft.encode_for_training(aged(age))])["age"]
    assert torch.allclose(found, hard.targets([expected])["age"], atol=1e-6)


@pytest.mark.parametrize("joint", [False, True])
def test_ages_are_soft_in_training_only_and_dropped_ones_stay_dropped(joint):
    task = MaskTask(joint=joint, soft_age=3, drop_ages=AgeRanges(((57, 58),)))
    for age in range(0, 121):
        assert task.encode(aged(age)) == MaskTask(joint=joint).encode(aged(age))
        assert (task.encode_for_training(aged(age)) is None) is (age in (57, 58))


def test_a_negative_deviation_is_refused():
    with pytest.raises(ConfigError, match="soft_age: -1 is not at least 0"):
        TASKS.build(Component.of("MaskTask", soft_age=-1))


@pytest.mark.parametrize("joint", [False, True])
def test_what_counts_classes_counts_soft_ages_by_their_likeliest_band(mask_folder, tmp_path, joint):
    folder = mask_folder(20)
    relabel = tmp_path / "relabel.csv"
    relabel.write_text("profile,field,value,reason\n000001,age,59,birthday\n")  # 22 in the table
    hard, soft = (
        SplitByProfileDataset(root=folder.root, task=task, seed=0, relabel=relabel)
        for task in (MaskTask(joint=joint), MaskTask(joint=joint, soft_age=2))
    )
    space = "class" if joint else "age"
    assert torch.equal(hard.targets[space], soft.targets[space])
    corrected = [row for row, group in enumerate(soft.groups) if group.startswith("000001")]
    old = soft.train_targets[space][corrected][:, 2::3].sum(dim=1)
    assert old.tolist() == pytest.approx([norm.cdf(-0.5 / 2)] * 7)
    assert class_table(soft, MaskTask(joint=joint)) == class_table(hard, MaskTask(joint=joint))
    for name in SAMPLERS.names():
        orders = [
            SAMPLERS.build(
                Component.of(name), rows=d.train_rows, targets=d.train_targets, groups=d.groups, seed=1
            )
            .order(2)
            .tolist()
            for d in (hard, soft)
        ]
        assert orders[0] == orders[1], name
    trained = soft.train_targets[space][soft.train_rows]
    weights = ClassWeights(1.0).of(trained.sum(dim=0))
    assert float((weights * trained).sum() / trained.sum()) == pytest.approx(1)
    assert not torch.equal(trained, hard.train_targets[space][hard.train_rows])
