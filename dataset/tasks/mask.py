"""The face-mask competition: mask, gender and age band of a person, submitted as one of 18 classes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dataset.spaces import OneOf
from dataset.task import TASKS, Choices, Facts, Marked, Task

MASKS = ("wear", "incorrect", "normal")
GENDERS = ("male", "female")
AGES = ("young", "middle", "old")
CLASSES = tuple(f"{mask} {gender} {age}" for mask in MASKS for gender in GENDERS for age in AGES)
_PHOTOS = {f"mask{i}": "wear" for i in range(1, 6)} | {
    "incorrect_mask": "incorrect",
    "normal": "normal",
}
_OLDEST = 120  # years; anything above is a typing error


@dataclass(frozen=True, slots=True)
class AgeRanges:
    """Ages in whole years such as ``57-59`` or ``27-29, 57-59`` or ``60``, both ends included."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def from_text(cls, text: str) -> "AgeRanges":
        ranges = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", part)
            if not found or int(found[2] or found[1]) < int(found[1]):
                raise ValueError(f"{part!r} is not an age or a range of ages such as 57-59")
            ranges.append((int(found[1]), int(found[2] or found[1])))
        return cls(tuple(ranges))

    def __str__(self) -> str:
        return ", ".join(f"{low}-{high}" for low, high in self.ranges)

    def __contains__(self, age: int) -> bool:
        return any(low <= age <= high for low, high in self.ranges)


@TASKS.register
class MaskTask(Task):
    """Three answers for each photo; class = 6 * mask + 3 * gender + age band.

    Args:
        joint: train one 18-way head instead of three heads.
        age_boundaries: the first ages of the middle and the old band, in years, as the organiser draws
            them: always used for scores.
        train_age_boundaries: the same for training only, such as ``30, 58``; none = as above.
        drop_ages: ages left out of training only, such as ``57-59``.
    """

    def __init__(
        self,
        *,
        joint: bool = False,
        age_boundaries: tuple[int, int] = (30, 60),
        train_age_boundaries: tuple[int, int] | None = None,
        drop_ages: AgeRanges = AgeRanges(),
    ) -> None:
        three = [OneOf("mask", MASKS), OneOf("gender", GENDERS), OneOf("age", AGES)]
        super().__init__([OneOf("class", CLASSES)] if joint else three)
        self.joint = joint
        self.boundaries = age_boundaries
        self.train_boundaries = train_age_boundaries or age_boundaries
        for low, high in (self.boundaries, self.train_boundaries):
            if not 0 < low < high <= _OLDEST:
                raise ValueError(f"age boundaries {low}, {high} must rise, within 1 and {_OLDEST} years")
        self.drop_ages = drop_ages

    @property
    def views(self) -> dict[str, tuple[str, ...]]:
        return {"mask": MASKS, "gender": GENDERS, "age": AGES, "class": CLASSES}

    def encode(self, facts: Facts) -> Marked:
        return self._encode(facts, self.boundaries)

    def encode_for_training(self, facts: Facts) -> Marked | None:
        if _age(facts) in self.drop_ages:
            return None
        return self._encode(facts, self.train_boundaries)

    def _encode(self, facts: Facts, boundaries: tuple[int, int]) -> Marked:
        mask = MASKS.index(_known(facts, "photo", _PHOTOS))
        gender = GENDERS.index(_known(facts, "gender", {name: name for name in GENDERS}))
        age = sum(_age(facts) >= boundary for boundary in boundaries)
        if self.joint:
            return {"class": (6 * mask + 3 * gender + age,)}
        return {"mask": (mask,), "gender": (gender,), "age": (age,)}

    def answers(self, marked: Mapping[str, Tensor]) -> dict[str, NDArray[np.int64]]:
        """Return mask, gender, age and class indices (N,), whichever heads were trained."""
        found = super().answers(marked)
        if not self.joint:
            parts = np.stack([found[name] for name in ("mask", "gender", "age")])
            whole = parts[0] * 6 + parts[1] * 3 + parts[2]
            return found | {"class": np.where((parts < 0).any(axis=0), -1, whole)}
        whole = found["class"]
        split = {"mask": whole // 6 % 3, "gender": whole // 3 % 2, "age": whole % 3}
        return {name: np.where(whole < 0, -1, part) for name, part in split.items()} | {"class": whole}

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        return {"ans": tuple(str(value) for value in range(len(CLASSES)))}

    def rows(self, choices: Choices) -> list[dict[str, str]]:
        return [{"ans": str(value)} for value in self.answers(choices)["class"].tolist()]


def _known(facts: Facts, field: str, valid: Mapping[str, str]) -> str:
    text = facts[field].lower()
    if text not in valid:
        raise ValueError(f"{field} {facts[field]!r} is not one of {_listing(list(valid))}")
    return valid[text]


def _age(facts: Facts) -> int:
    text = facts["age"]
    if not re.fullmatch(r"\d{1,3}", text) or int(text) > _OLDEST:
        raise ValueError(f"age {text!r} is not a whole number of years from 0 to {_OLDEST}")
    return int(text)


def _listing(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
