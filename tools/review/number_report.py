"""What a run's predictions say of its numbers: text, CSV and HTML."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from dataset.metrics.base import Floats
from dataset.readers.base import whose
from experiment.saved_run import SavedRun
from tools.review.number_picture import number_picture
from tools.review.residuals import FAR, ResidualPart, Residuals, parts, robust_times
from tools.review.sheet import Pictures
from tools.review.suspects import Positions
from tools.review.tables import html_table, with_groups
from utils.durable import write_bytes
from utils.errors import ConfigError
from utils.tables import write_table
from utils.text_table import Cells, format_table

NOTHING_SHARED = "No image was validated by all of these runs: train them with the same folds."
DRAWS = 300  # for the intervals of each part
PARTS = ("question", "by", "value", "groups", "images", "mean error", "MAE", "RMSE", "low", "high")
IMAGES = ("question", "rank", "group", "file", "truth", "answer", "error", "robust spreads")
_SHOWN = 24  # images on the page
_PICTURE = (
    "Left: each image's answer by its true number; on the dashed line they agree. The medians of the tenths "
    "of the images lean towards the middle where a model plays safe. Right: how often it is how far off."
)
_PARTS_NOTE = (
    "Errors are answer - truth, in the number's own units: a mean below 0 says that answers are too low "
    "there. Truth: ranges with a tenth of the images each. Low and high: the RMSE's 95 % interval."
)
_SUSPECTS_NOTE = (
    f"More than {FAR:g} robust spreads (1.4826 times the median of the errors' distances from their median) "
    "from what is usual here, by models that were not trained on the image. Some of these numbers are wrong, "
    "some images are hard: look at them."
)


@dataclass(frozen=True, slots=True)
class NumberReport:
    """All that is written of the numbers that a run was asked for; there is at least residuals."""

    run: SavedRun
    every: Sequence[Residuals]
    suspected: Sequence[Residuals]  # the same, or what several runs answered together
    parts: Mapping[str, Sequence[ResidualPart]]  # by question

    @classmethod
    def of(cls, runs: Sequence[SavedRun]) -> "NumberReport | None":
        """Return what there is to say of the first run, with the suspects of all of them.

        None: the task asks for no number, or none of them is known.
        """
        every = residuals_of(runs[0])
        if not every:
            return None
        suspected = suspects_of(runs) if len(runs) > 1 else every
        by_question = {residuals.question: list(parts(residuals, DRAWS)) for residuals in every}
        return cls(runs[0], every, suspected, by_question)

    def write(self, folder: Path) -> None:
        """Write ``numbers.png``, ``numbers.csv``, ``worst_numbers.csv`` and ``suspected_numbers.csv``."""
        write_bytes(folder / "numbers.png", self._png())
        write_table(folder / "numbers.csv", PARTS, self._part_cells(6))
        worst = [self._image_cells(residuals, residuals.worst) for residuals in self.every]
        write_table(folder / "worst_numbers.csv", IMAGES, chain.from_iterable(worst))
        suspects = [self._image_cells(residuals, residuals.suspects) for residuals in self.suspected]
        write_table(folder / "suspected_numbers.csv", IMAGES, chain.from_iterable(suspects))

    def text(self) -> str:
        """Return what is printed: the errors over all, by fold and by tenths of the truth, and suspects."""
        counts = [f"{residuals.question} {len(residuals.suspects)}" for residuals in self.suspected]
        table = format_table(*self._table())
        return f"{table}\n\nNumbers that may be wrong: {', '.join(counts)}, in suspected_numbers.csv."

    def html(self, pictures: Pictures) -> Iterator[str]:
        """Yield the parts of a page."""
        source = f"data:image/png;base64,{base64.b64encode(self._png()).decode()}"
        yield "<h2>Numbers: answer and truth</h2>"
        yield f'<img class="picture" alt="answers by truth" src="{source}">'
        yield f"<p>{_PICTURE}</p>"
        yield f"<p>{_PARTS_NOTE}</p>"
        yield html_table(*self._table())

        # Those that may be wrong come last: they are the fewest, and somebody is to look at them.
        group, several = self._whose
        alone = "" if several == "images" else f", one of each {group} at most"
        for residuals in self.every:
            yield from self._images(pictures, residuals, f"the largest errors{alone}", residuals.worst)
        for residuals in self.suspected:
            if len(residuals.suspects):
                yield from self._images(
                    pictures, residuals, "may be wrong", residuals.suspects, _SUSPECTS_NOTE
                )

    @property
    def _whose(self) -> tuple[str, str]:
        return whose(self.run.validated.groups, self.run.dataset.group_words)

    def _table(self) -> tuple[tuple[str, ...], list[Cells]]:
        return with_groups(PARTS, list(self._part_cells(4)), self._whose[1])

    def _png(self) -> bytes:
        coded: bytes = cv2.imencode(".png", number_picture(self.every)[..., ::-1])[1].tobytes()
        return coded

    def _part_cells(self, digits: int) -> Iterator[Cells]:
        for question, of_question in self.parts.items():
            for part in of_question:
                values = (part.bias, part.mae, part.rmse, part.interval.low, part.interval.high)
                ends = values if part.groups > 1 else (*values[:3], np.nan, np.nan)
                texts = ["" if np.isnan(value) else f"{value:.{digits}g}" for value in ends]
                yield (question, part.by, part.value, part.groups, part.images, *texts)

    def _image_cells(self, residuals: Residuals, positions: Positions) -> Iterator[Cells]:
        """Yield a row of ``IMAGES`` for each of these positions."""
        for rank, position in enumerate(positions.tolist(), start=1):
            file = self.run.dataset.files[int(self.run.rows[residuals.images[position]])]
            numbers = (residuals.truth[position], residuals.answer[position], residuals.error[position])
            texts = [f"{value:.7g}" for value in numbers]
            who = (residuals.question, rank, str(residuals.groups[position]), file)
            yield (*who, *texts, f"{residuals.times[position]:.2f}")

    def _images(
        self, pictures: Pictures, residuals: Residuals, what: str, positions: Positions, note: str = ""
    ) -> Iterator[str]:
        shown = positions[:_SHOWN]
        pictures.need(residuals.images[shown].tolist())
        more = f": {len(shown)} of {len(positions)}" if len(positions) > len(shown) else ""
        yield f"<h3>{escape(residuals.question)}: {what}{more}</h3>"
        yield f"<p>{note}</p>" if note else ""
        figures = [_figure(pictures, residuals, position) for position in shown]
        yield f'<div class="photos">{"".join(figures)}</div>'


def _figure(pictures: Pictures, residuals: Residuals, position: int) -> str:
    image = int(residuals.images[position])
    truth, answer = residuals.truth[position], residuals.answer[position]
    says = f"answer {answer:.5g}, is {truth:.5g}, error {answer - truth:+.4g}"
    source = f'src="data:image/jpeg;base64,{pictures[image]}"'
    return (
        f'<figure><img alt="" loading="lazy" {source}>'
        f"<figcaption>{escape(says)}<br>{escape(pictures.file(image))}</figcaption></figure>"
    )


def residuals_of(run: SavedRun) -> list[Residuals]:
    """Return what a run answered to each question of a number, as far as that is known."""
    choices, groups = run.task.decide(run.logits), np.asarray(run.validated.groups)
    every = []
    for space in run.task.spaces:
        truth = _number(run.targets[space.name]) if space.numeric else np.array([])
        known = np.flatnonzero(~np.isnan(truth))
        if len(known):
            answer = _number(choices[space.name])[known]
            folds, times = np.asarray(run.validated.folds)[known], robust_times(answer - truth[known])
            every.append(Residuals(space.name, known, folds, groups[known], truth[known], answer, times))
    return every


def suspects_of(runs: Sequence[SavedRun]) -> list[Residuals]:
    """Return what all runs together answered about the images that each of them validated.

    Raises:
        ConfigError: there is no such image, or the runs were asked for other numbers.
    """
    shared = set.intersection(*(set(run.validated.ids) for run in runs))
    ids = [name for name in runs[0].validated.ids if name in shared]
    if not ids:
        raise ConfigError(NOTHING_SHARED)

    row = np.array([runs[0].row_of[name] for name in ids])
    first, *others = [residuals_of(run.only(ids)) for run in runs]
    for run, other in zip(runs[1:], others, strict=True):
        if [_asked(residuals) for residuals in other] != [_asked(residuals) for residuals in first]:
            raise ConfigError(f"{run.folder} was asked for other numbers than {runs[0].folder}.")

    of_first = [replace(residuals, images=row[residuals.images]) for residuals in first]
    return [
        residuals.together([other[position] for other in others])
        for position, residuals in enumerate(of_first)
    ]


def _asked(residuals: Residuals) -> tuple[str, list[int], list[float]]:
    return residuals.question, residuals.images.tolist(), residuals.truth.tolist()


def _number(values: Tensor) -> Floats:
    return np.asarray(values[:, 0].double().numpy())
