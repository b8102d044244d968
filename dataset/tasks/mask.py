"""The face-mask competition: mask, gender and age band of a person, submitted as one of 18 classes."""

import copy
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dataset.tasks.age_ranges import NO_AGES, AgeRanges
from dataset.tasks.answers import likeliest
from dataset.tasks.base import TASKS, Choices, EvidenceLabels, Facts, Marked, Task
from dataset.tasks.spaces import Mark, OneOf
from utils.convert import CountOrZero, NonNegative, as_text

MASKS = ("wear", "incorrect", "normal")
GENDERS = ("male", "female")
AGES = ("young", "middle", "old")
CLASSES = tuple(f"{mask} {gender} {age}" for mask in MASKS for gender in GENDERS for age in AGES)
_THREE = (OneOf("mask", MASKS), OneOf("gender", GENDERS), OneOf("age", AGES))
_JOINT = (OneOf("class", CLASSES),)
_PHOTOS = {f"mask{i}": "wear" for i in range(1, 6)} | {
    "incorrect_mask": "incorrect",
    "normal": "normal",
}
_PHOTO_OF = {"wear": "mask1", "incorrect": "incorrect_mask", "normal": "normal"}  # one of each state
_OLDEST = 120  # years; anything above is a typing error


@TASKS.register
class MaskTask(Task):
    """Three answers for each photo; class = 6 * mask + 3 * gender + age band.

    Args:
        joint: train one 18-way head instead of three heads.
        age_boundaries: the first ages of the middle and the old band, in years, as the organiser draws
            them: always used for scores.
        train_age_boundaries: the same for training only, such as ``30, 58``; none = as above.
        drop_ages: ages left out of training only, such as ``57-59``.
        soft_age: years, the standard deviation of an error that ages are taken to have, for training only:
            each band gets the probability that the true age lies in it; 0 = the age's band.
    """

    needs = ("photo", "gender", "age")
    instead = (
        "For the mask competition's table and folders write [dataset] name = SplitByProfileDataset; for "
        "labels of another competition [task] name = ClassificationTask, or MultiLabelTask."
    )
    numbers: ClassVar[Mapping[str, tuple[int, int]]] = {"age": (0, _OLDEST)}

    def __init__(
        self,
        *,
        joint: bool = False,
        age_boundaries: tuple[CountOrZero, CountOrZero] = (30, 60),
        train_age_boundaries: tuple[CountOrZero, CountOrZero] | None = None,
        drop_ages: AgeRanges = NO_AGES,
        soft_age: NonNegative = 0.0,
    ) -> None:
        super().__init__(_JOINT if joint else _THREE)
        self.joint = joint
        self.boundaries = age_boundaries
        self.train_boundaries = train_age_boundaries or age_boundaries
        for low, high in (self.boundaries, self.train_boundaries):
            if not 0 < low < high <= _OLDEST:
                raise ValueError(f"age boundaries {low}, {high} must rise, within 1 and {_OLDEST} years")
        self.drop_ages, self.soft_age = drop_ages, soft_age

    @property
    def questions(self) -> dict[str, tuple[str, ...]]:
        return {"mask": MASKS, "gender": GENDERS, "age": AGES, "class": CLASSES}

    def encode(self, facts: Facts) -> Marked:
        return self._encode(facts, (_band(_age(facts["age"]), self.boundaries),))

    def encode_for_training(self, facts: Facts) -> Marked | None:
        age = _age(facts["age"])
        if age in self.drop_ages:
            return None
        if not self.soft_age:
            return self._encode(facts, (_band(age, self.train_boundaries),))
        return self._encode(facts, soft_bands(age, self.train_boundaries, self.soft_age))

    def _encode(self, facts: Facts, age: Mark) -> Marked:
        mask, gender = _mask(facts["photo"]), _gender(facts["gender"])
        if not self.joint:
            return {"mask": (mask,), "gender": (gender,), "age": age}
        first = 6 * mask + 3 * gender
        if isinstance(age, Mapping):
            return {"class": {first + band: share for band, share in age.items()}}
        return {"class": tuple(first + band for band in age)}

    def corrected(self, facts: Facts, question: str, label: int, *, present: bool = True) -> Facts:
        """Return the facts with another mask state, gender, or the nearest age of another band."""
        if question == "mask":
            same = _PHOTOS.get(facts["photo"]) == MASKS[label]
            return {**facts, "photo": facts["photo"] if same else _PHOTO_OF[MASKS[label]]}
        if question == "gender":
            return {**facts, "gender": GENDERS[label]}
        first, beyond = [0, *self.boundaries, _OLDEST + 1][label : label + 2]
        return {**facts, "age": str(min(max(_age(facts["age"]), first), beyond - 1))}

    def asked(self, probabilities: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return those of mask, gender and age; of a joint head the sums over its classes."""
        return self.part(probabilities)

    def sure(self, probabilities: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return those of mask, gender, age and class, whichever heads were trained."""
        return self.part(probabilities) | self.join(probabilities)

    def chosen(self, probabilities: Mapping[str, Tensor]) -> EvidenceLabels:
        return self._all_questions(likeliest(probabilities))

    def answers(self, marked: Mapping[str, Tensor]) -> dict[str, NDArray[np.int64]]:
        """Return mask, gender, age and class indices (N,), whichever heads were trained."""
        return self._all_questions(super().answers(marked))

    def _all_questions(self, choices: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
        if not self.joint:
            parts = np.stack([choices[name] for name in ("mask", "gender", "age")])
            whole = parts[0] * 6 + parts[1] * 3 + parts[2]
            return choices | {"class": np.where((parts < 0).any(axis=0), -1, whole)}
        whole = choices["class"]
        split = {"mask": whole // 6 % 3, "gender": whole // 3 % 2, "age": whole % 3}
        return {name: np.where(whole < 0, -1, part) for name, part in split.items()} | {"class": whole}

    def _with(self, *, joint: bool) -> "MaskTask":
        task = copy.copy(self)
        task.joint, task.spaces = joint, _JOINT if joint else _THREE
        return task

    @property
    def joined(self) -> "MaskTask":
        return self._with(joint=True)

    def join(self, marked: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the products of the three answers, (N, 18)."""
        if self.joint:
            return dict(marked)
        parts = (marked[space.name] for space in _THREE)
        return {"class": torch.einsum("nm,ng,na->nmga", *parts).flatten(start_dim=1)}

    @property
    def parted(self) -> "MaskTask":
        return self._with(joint=False)

    def part(self, marked: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the sums over the classes with each of the three answers."""
        if not self.joint:
            return dict(marked)
        whole = marked["class"].reshape(-1, len(MASKS), len(GENDERS), len(AGES))
        return {"mask": whole.sum(dim=(2, 3)), "gender": whole.sum(dim=(1, 3)), "age": whole.sum(dim=(1, 2))}

    @property
    def resolved(self) -> dict[str, str]:
        return {"joint": as_text(self.joint)}

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        return {"ans": tuple(str(value) for value in range(len(CLASSES)))}

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        return [{"ans": str(value)} for value in self.answers(choices)["class"].tolist()]


@lru_cache
def soft_bands(age: int, boundaries: tuple[int, int], deviation: float) -> dict[int, float]:
    """Return the probability of each age band, which sum to 1.

    P(k) = Phi((b[k+1] - m) / s) - Phi((b[k] - m) / s), with s the ``deviation`` in years, b the boundaries
    and infinity beyond them, and m = age + 1/2: who has lived ``age`` whole years is half a year older on
    average.
    """
    years = NormalDist(age + 0.5, deviation)
    below = [0.0, *map(years.cdf, boundaries), 1.0]
    return {band: high - low for band, (low, high) in enumerate(pairwise(below))}


def _band(age: int, boundaries: tuple[int, int]) -> int:
    return sum(age >= boundary for boundary in boundaries)


# The same few texts come once for each of thousands of images.
@lru_cache
def _mask(photo: str) -> int:
    return MASKS.index(_known("photo", photo, _PHOTOS))


@lru_cache
def _gender(text: str) -> int:
    return GENDERS.index(_known("gender", text, {name: name for name in GENDERS}))


@lru_cache
def _age(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text) or int(text) > _OLDEST:
        raise ValueError(f"age {text!r} is not a whole number of years from 0 to {_OLDEST}")
    return int(text)


def _known(field: str, text: str, valid: Mapping[str, str]) -> str:
    if text.lower() not in valid:
        raise ValueError(f"{field} {text!r} is not one of {_listing(list(valid))}")
    return valid[text.lower()]


def _listing(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
