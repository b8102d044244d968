"""Drift is more than samples of people show: rarely found where there is none, found where there is."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from dataset.tasks.answers import Answers, one_hot
from tools.submissions import drift as drift_module
from tools.submissions.drift import ALARMS, distance, drift, shifts

LABELS = tuple("abcdef")
PHOTOS = 7


def photos_of(people, generator, *, rare=1.0):
    """Return answers and groups: each person's photos nearly all have that person's label."""
    mix = np.array([0.35, 0.3, 0.15, 0.1, 0.07, 0.03 * rare])
    own = generator.choice(len(LABELS), size=people, p=mix / mix.sum())
    label = np.repeat(own, PHOTOS)
    other = generator.random(len(label)) < 0.1
    label[other] = generator.choice(len(LABELS), size=other.sum(), p=mix / mix.sum())
    return answers_of(label), [str(i) for i in np.repeat(np.arange(people), PHOTOS)]


def answers_of(label):
    return Answers(LABELS, one_hot([LABELS[i] for i in label], LABELS))


def swapped(answers, a, b):
    shares = answers.shares.copy()
    shares[:, [a, b]] = shares[:, [b, a]]
    return Answers(LABELS, shares)


@pytest.fixture
def fewer_repeats(monkeypatch):
    monkeypatch.setattr(drift_module, "REPEATS", 300)


def test_two_samples_of_the_same_people_are_rarely_called_different(fewer_repeats):
    generator = np.random.default_rng(0)
    found = naive = 0
    trials = 300
    for _ in range(trials):
        before, groups = photos_of(120, generator)
        now, _ = photos_of(80, generator)
        found += drift(before, groups, now).is_drift
        counts = np.stack([of.shares.sum(axis=0) for of in (before, now)])
        naive += chi2_contingency(counts[:, counts.any(axis=0)]).pvalue < ALARMS
    assert found <= 0.03 * trials  # 1 % are meant; 9 of 300 or fewer come in 99.9 % of such series
    assert naive > 0.3 * trials  # what a test that takes photos for people says of the same samples


def test_an_exchanged_class_is_found_and_named(fewer_repeats):
    generator = np.random.default_rng(1)
    for _ in range(30):
        before, groups = photos_of(120, generator)
        now, _ = photos_of(80, generator)
        one = drift(before, groups, swapped(now, 0, 4))
        assert one.is_drift
        assert {move.label for move in one.shifts[:2]} == {"a", "e"}
        moved = {move.label: move.now - move.before for move in one.shifts}
        assert moved["a"] < -0.1
        assert moved["e"] > 0.1


def test_the_limit_follows_from_the_number_of_people_not_of_photos(fewer_repeats):
    generator = np.random.default_rng(2)
    before, groups = photos_of(400, generator)
    now, _ = photos_of(400, generator)
    one = drift(before, groups, now)
    assert one.people == (400, 400)
    doubled = Answers(LABELS, np.repeat(before.shares, 2, axis=0))
    again = drift(doubled, np.repeat(groups, 2), Answers(LABELS, np.repeat(now.shares, 2, axis=0)))
    assert again.people == (400, 400)
    assert again.limit == pytest.approx(one.limit)
    few = drift(before, groups, Answers(LABELS, now.shares[: 100 * PHOTOS]))
    assert few.people == (400, 100)
    # the spread of a difference of two means goes with sqrt(1/n + 1/m)
    assert few.limit / one.limit == pytest.approx(np.sqrt((1 / 400 + 1 / 100) / (2 / 400)), rel=0.15)


def test_earlier_answers_about_the_same_images_are_allowed_what_other_people_would_show(fewer_repeats):
    generator = np.random.default_rng(5)
    reference, groups = photos_of(120, generator)
    now, _ = photos_of(80, generator)
    same = drift(reference, groups, now, before=now)
    assert (same.distance, same.people, same.is_drift) == (0, (80, 80), False)
    assert not drift(reference, groups, now, before=photos_of(80, generator)[0]).is_drift
    one = drift(reference, groups, swapped(now, 0, 4), before=now)
    assert one.is_drift
    assert one.distance == pytest.approx(abs(now.mean[0] - now.mean[4]))


def test_a_handful_of_people_says_nothing():
    before = answers_of(np.repeat([0, 1, 2], PHOTOS))
    one = drift(before, list("a" * PHOTOS + "b" * PHOTOS + "c" * PHOTOS), answers_of([5] * 10))
    assert not one.is_drift
    assert np.isinf(one.limit)
    assert one.shifts[0].label == "f"


def test_a_label_that_hardly_anybody_has_is_counted_with_the_others_like_it():
    label = np.repeat([0] * 60 + [1] * 40, PHOTOS)
    groups = [str(i) for i in np.repeat(np.arange(100), PHOTOS)]
    before = answers_of(label)
    same = label.copy()
    same[:2] = 5  # nobody had it, so no draw can show it; two photos are no drift
    assert not drift(before, groups, answers_of(same)).is_drift
    flooded = label.copy()
    flooded[::2] = 5
    one = drift(before, groups, answers_of(flooded))
    assert one.is_drift
    assert one.shifts[0].label == "f"


def test_the_distance_is_the_share_of_rows_that_would_have_to_change():
    a, b = answers_of([0, 0, 1, 2]), answers_of([0, 1, 1, 3])
    assert distance(a.mean, b.mean) == pytest.approx(0.5)
    assert distance(a.mean, a.mean) == 0
    first = shifts(a, b)[0]
    assert (first.label, first.before, first.now) in {("a", 0.5, 0.25), ("b", 0.25, 0.5)}
    assert sum(move.now - move.before for move in shifts(a, b)) == pytest.approx(0)


def test_labels_of_which_any_may_be_right_and_probabilities_work_as_well(fewer_repeats):
    generator = np.random.default_rng(3)
    groups = [str(i) for i in np.repeat(np.arange(100), PHOTOS)]

    def sample(shift=0.0):
        person = generator.beta(2, 3, size=(100, 4))
        noise = generator.normal(0, 0.05, size=(100 * PHOTOS, 4))
        shares = np.clip(np.repeat(person, PHOTOS, axis=0) + noise + [shift, 0, 0, 0], 0, 1)
        return Answers(tuple("abcd"), shares.astype(np.float32), exclusive=False)

    before = sample()
    assert sum(drift(before, groups, sample()).is_drift for _ in range(20)) <= 1
    one = drift(before, groups, sample(shift=0.3))
    assert one.is_drift
    assert one.shifts[0].label == "a"


def test_the_order_of_images_and_of_people_changes_nothing():
    generator = np.random.default_rng(4)
    before, groups = photos_of(50, generator)
    now, _ = photos_of(30, generator)
    order = generator.permutation(len(groups))
    shuffled = Answers(LABELS, before.shares[order])
    one, other = drift(before, groups, now), drift(shuffled, [groups[i] for i in order], now)
    assert one == other
