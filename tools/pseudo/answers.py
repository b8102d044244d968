"""A model that also says each of its answers apart, of those questions whose answer is a number."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from torch import Tensor, nn

from dataset.tasks.base import Logits
from dataset.tasks.spaces import Space
from inference.predict import Predictions
from inference.views.mean_of_views import MeanOfViews


class EachNumber(nn.Module):
    """The mean of a model's answers as before, and by ``space.count`` each number of it.

    No space has a point in its name.

    Args:
        asked: a model, or one that asks it about several views.
        spaces: of the task.
    """

    def __init__(self, asked: nn.Module, spaces: Sequence[Space]) -> None:
        super().__init__()
        self.asked = asked
        self.numbers = [space.name for space in spaces if space.numeric]

    def forward(self, images: Tensor, *table: Tensor) -> Logits:
        """Return logits (N, K) by space, of whole prepared images, and numbers (N, 1) by answer.

        Args:
            table: what else the model sees of each image.
        """
        if isinstance(self.asked, MeanOfViews):
            answers = list(chain.from_iterable(self.asked.answers(images, *table).values()))
            together = self.asked.mean(answers)
        else:
            together = self.asked(images, *table)
            answers = [together]

        logits = dict(together)
        for space in self.numbers:
            logits |= {f"{space}.{count}": answer[space] for count, answer in enumerate(answers)}
        return logits

    def apart(self, predicted: Predictions) -> tuple[Predictions, list[dict[str, Tensor]]]:
        """Return what was predicted without single answers, and each of these, (N) by space."""
        together = dict(predicted.logits)
        answers: list[dict[str, Tensor]] = []
        while any(f"{space}.{len(answers)}" in together for space in self.numbers):
            count = len(answers)
            answers.append({space: together.pop(f"{space}.{count}")[:, 0] for space in self.numbers})
        return replace(predicted, logits=together), answers
