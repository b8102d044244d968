"""The values of several columns, as a config says them in one line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ColumnScale = Sequence[str | float]  # labels in their order, or numbers that rise
_EXAMPLE = 'such as {"quality": ["poor", "fair", "good"]}'


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """Values by the column's name, such as ``{"quality": ["poor", "fair", "good"], "price": [0.5, 90]}``."""

    by_column: Mapping[str, ColumnScale] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str) -> "ColumnValues":
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"it is not the values of columns {_EXAMPLE}: {error}") from None
        if not isinstance(values, dict) or not all(map(_are_values, values.values())):
            raise ValueError(f"it is not a list of labels, or of numbers, for each column {_EXAMPLE}")
        return cls(values)

    def __str__(self) -> str:
        # An ini file would take ' #' and ' ;' for the beginning of a comment.
        text = json.dumps(self.by_column, ensure_ascii=False)
        return text.replace("#", "\\u0023").replace(";", "\\u003b")


def _are_values(values: object) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, str | int | float) and not isinstance(value, bool) for value in values
    )
