"""How sure a model has to be of what is trained on."""

from dataclasses import dataclass

from utils.convert import Fraction, convert


@dataclass(frozen=True, slots=True)
class LeastConfidence:
    """The least confidence in [0, 1]: ``0.8`` in every label space, or ``mask:0.9, age:0.6``, others 0."""

    everywhere: float = 0.0
    of_space: tuple[tuple[str, float], ...] = ()

    @classmethod
    def from_text(cls, text: str) -> "LeastConfidence":
        if ":" not in text:
            return cls(convert(text, Fraction))
        least_of: dict[str, float] = {}

        for part in text.split(","):
            space, colon, least = (piece.strip() for piece in part.partition(":"))
            if not (space and colon):
                raise ValueError(f"{part.strip()!r} is not of the form SPACE:CONFIDENCE, such as age:0.6")
            if space in least_of:
                raise ValueError(f"{space} is there twice")
            try:
                least_of[space] = convert(least, Fraction)
            except ValueError as error:
                raise ValueError(f"the confidence of {space}: {error}") from None
        return cls(of_space=tuple(least_of.items()))

    def __str__(self) -> str:
        return ", ".join(f"{space}:{least}" for space, least in self.of_space) or str(self.everywhere)

    def least(self, space: str) -> float:
        """Return the least confidence of a label space."""
        return dict(self.of_space).get(space, self.everywhere)


ANYHOW = LeastConfidence()  # however sure it is
