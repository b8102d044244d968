"""A length of time in words, as people write it in a config."""

import re
from dataclasses import dataclass

_UNITS = {"h": 3600, "min": 60, "s": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(h|min|s)\s*")

_MOST = 366 * 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Duration:
    """``90 s``, ``10 min``, ``1 h 30 min``."""

    seconds: float

    @classmethod
    def from_text(cls, text: str) -> "Duration":
        parts = _PART.findall(text)
        if not parts or _PART.sub("", text):
            raise ValueError(f"{text!r} is not a length of time such as 90 s, 10 min or 1 h 30 min")
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
        if seconds <= 0:
            raise ValueError(f"{text!r} is no time at all")
        if seconds > _MOST:
            raise ValueError(f"{text!r} is longer than a year")
        return cls(seconds)

    def __str__(self) -> str:
        hours, rest = divmod(self.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        parts = ((hours, "h"), (minutes, "min"), (round(seconds, 3), "s"))
        return " ".join(f"{number:g} {unit}" for number, unit in parts if number) or "0 s"
