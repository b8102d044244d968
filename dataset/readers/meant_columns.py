"""What columns of a table mean beside images and labels; the table of eval images has the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeantColumns:
    """Columns by their meaning, as [dataset] names them.

    Args:
        case: the one that says of which case an image is.
    """

    case: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return () if self.case is None else (self.case,)


NO_COLUMNS = MeantColumns()
