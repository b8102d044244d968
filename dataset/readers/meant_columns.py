"""What columns of a table mean beside images and labels; the table of eval images has the same."""

from dataclasses import dataclass

from dataset.readers.features import Features


@dataclass(frozen=True, slots=True)
class MeantColumns:
    """Columns by their meaning, as [dataset] names them.

    Args:
        case: the one that says of which case an image is.
        features: those that a model sees beside the image.
    """

    case: str | None = None
    features: Features | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        case = () if self.case is None else (self.case,)
        return (*case, *(self.features.names if self.features is not None else ()))


NO_COLUMNS = MeantColumns()
