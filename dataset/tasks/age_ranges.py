"""Ages as a config names them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgeRanges:
    """Ages in whole years such as ``57-59`` or ``27-29, 57-59`` or ``60``, both ends included."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def from_text(cls, text: str) -> "AgeRanges":
        ranges = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", part)
            if not match or int(match[2] or match[1]) < int(match[1]):
                raise ValueError(f"{part!r} is not an age or a range of ages such as 57-59")
            ranges.append((int(match[1]), int(match[2] or match[1])))
        return cls(tuple(ranges))

    def __str__(self) -> str:
        return ", ".join(f"{low}-{high}" for low, high in self.ranges)

    def __contains__(self, age: int) -> bool:
        return any(low <= age <= high for low, high in self.ranges)


NO_AGES = AgeRanges()
