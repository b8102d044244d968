"""What a run's predictions say of it: calibration, parts of the images, mistakes; text, CSV and HTML."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from dataset.class_table import format_table
from inference.calibration import Reliability, reliability
from inference.mistakes import Mistake, most_confident
from inference.subsets import SubsetScore, subset_scores, subsets
from inference.suspects import Question, Validation
from modes.review_sheet import Pictures
from modes.saved_run import SavedRun
from modes.web_page import plain_page
from utils.durable import write_bytes, write_text
from utils.metrics import in_words
from utils.tables import write_table

Cells = tuple[str | int, ...]
_KEPT = 50  # mistakes of each label in the CSV
DRAWS = 300  # for the intervals of each part, of which there are many
_BINS = ("view", "confidence from", "to", "answers", "groups", "mean confidence", "right", "low", "high")
_PARTS = ("by", "value", "groups", "images", "view", "score", "mean", "low", "high")
_MISTAKES = ("view", "label", "said", "probability", "probability of the label", "group", "file")


@dataclass(frozen=True, slots=True)
class Report:
    """All that is written of a run but the suspected labels."""

    run: SavedRun
    validation: Validation
    reliabilities: Mapping[str, Reliability]  # by view
    parts: Sequence[SubsetScore]
    mistakes: Sequence[Mistake]

    @classmethod
    def of(cls, run: SavedRun, validation: Validation) -> "Report":
        """Return what there is to say of a run."""
        groups = validation.groups
        questions = list(validation.questions(by_group=False))
        facts, logits = [run.dataset.facts_of(int(row)) for row in run.rows], run.logits
        parts = [
            score
            for part in subsets(run.task, run.targets, facts, groups)
            for score in subset_scores(run.task, part, logits, run.targets, groups, repeats=DRAWS)
        ]
        mistakes = [one for question in questions for one in most_confident(question, groups, _KEPT)]
        return cls(run, validation, _reliabilities(questions, groups), parts, mistakes)

    def write(self, folder: Path, pictures: Pictures, most: int) -> None:
        """Write the tables, ``reliability.png`` and ``report.html``, with ``most`` mistakes of each label."""
        from train.figures import reliability_picture  # matplotlib: no mode is to load it for nothing

        picture = cv2.imencode(".png", reliability_picture(self.reliabilities)[..., ::-1])[1].tobytes()
        write_bytes(folder / "reliability.png", picture)
        write_table(folder / "reliability.csv", _BINS, _bins(self.reliabilities))
        write_table(folder / "parts.csv", _PARTS, [_part(one) for one in self.parts])
        write_table(folder / "mistakes.csv", _MISTAKES, [self._cells(m) for m in self.mistakes])
        write_text(folder / "report.html", self._page(base64.b64encode(picture).decode(), pictures, most))

    def text(self) -> str:
        """Return what is printed: calibration, and the deciding view's first score on each part."""
        deciding, score = list(self.run.task.views)[-1], self.run.task.main_scores[0]
        shown = [one for one in self.parts if one.view == deciding and one.score == score]
        rows: list[Cells] = [
            (
                f"{one.subset.by} {one.subset.value}",
                one.groups,
                len(one.subset.rows),
                f"{one.value:.4f}",
                str(one.interval),
            )
            for one in shown
        ]
        title = f"{in_words(score)} of {deciding}, over the labels that a part has"
        parts = format_table((title, "groups", "images", "score", "95 %"), rows) if rows else ""
        return "\n\n".join(filter(None, [format_table(*_calibration(self.reliabilities)), parts]))

    def _cells(self, one: Mistake) -> Cells:
        rows, dataset = self.run.rows, self.run.dataset
        sure = (f"{one.sure:.4f}", f"{one.of_label:.4f}")
        file = dataset.files[int(rows[one.image])]
        return (one.view, one.label, one.said, *sure, self.validation.groups[one.image], file)

    def _page(self, picture: str, pictures: Pictures, most: int) -> str:
        return plain_page(
            f"Report of {self.run.folder}",
            "report",
            "\n".join(
                [
                    f"<h1>Report of {escape(str(self.run.folder))}</h1>",
                    f"<p>{len(self.run.rows)} images of {len(set(self.validation.groups))} groups, each "
                    "predicted by models that were not trained on it, held against the organiser's labels. "
                    "Intervals (95 %) are drawn by group.</p>",
                    "<h2>Is it right as often as it says?</h2>",
                    f'<img class="picture" alt="reliability" src="data:image/png;base64,{picture}">',
                    "<p>Bars: the share that is right among answers of about the same confidence, with its "
                    "interval; on the diagonal they agree. Error: the mean distance from it (expected "
                    "calibration error, 15 bins).</p>",
                    _html_table(*_calibration(self.reliabilities)),
                    "<h2>Parts of the images</h2>",
                    "<p>A macro-F1 is the mean over the labels that a part has.</p>",
                    _html_table(_PARTS, [_part(one) for one in self.parts]),
                    "<h2>The surest mistakes of each label</h2>",
                    "<p>One of each group at most. Some are wrong labels: see review.html.</p>",
                    *self._mistakes(pictures, most),
                ]
            ),
        )

    def _mistakes(self, pictures: Pictures, most: int) -> Iterator[str]:
        of_label: dict[tuple[str, str], list[Mistake]] = {}
        for one in self.mistakes:
            of_label.setdefault((one.view, one.label), []).append(one)
        pictures.need([one.image for found in of_label.values() for one in found[:most]])
        for (view, label), found in of_label.items():
            yield f"<h3>{escape(view)}: {escape(label)}</h3>"
            figures = [self._figure(one, pictures) for one in found[:most]]
            yield f'<div class="photos">{"".join(figures)}</div>'

    def _figure(self, one: Mistake, pictures: Pictures) -> str:
        name = PurePosixPath(pictures.file(one.image))
        where = f"{self.validation.groups[one.image]} {name.stem}"
        caption = f"{one.said} {one.sure:.2f}, {one.label} {one.of_label:.2f}"
        source = f'src="data:image/jpeg;base64,{pictures[one.image]}"'
        return (
            f'<figure><img alt="" loading="lazy" {source}>'
            f"<figcaption>{escape(caption)}<br>{escape(where)}</figcaption></figure>"
        )


def _reliabilities(questions: Sequence[Question], groups: Sequence[str]) -> dict[str, Reliability]:
    """Return the reliability of each view: of the likeliest label, or of each label that may be there."""
    of_view: dict[str, list[Question]] = {}
    for question in questions:
        of_view.setdefault(question.view, []).append(question)
    found = {}
    for view, same in of_view.items():
        images = np.concatenate([np.concatenate(question.images) for question in same])
        if same[0].label is None:
            sure = same[0].probabilities.max(axis=1)
            right = same[0].probabilities.argmax(axis=1) == same[0].given
        else:
            sure = np.concatenate([question.probabilities[:, 1] for question in same])
            right = np.concatenate([question.given == 1 for question in same])
        found[view] = reliability(sure, right, [groups[image] for image in images])
    return found


def _calibration(found: Mapping[str, Reliability]) -> tuple[tuple[str, ...], list[Cells]]:
    columns = ("label space", "answers", "groups", "sure", "right", "error", "95 %", "it is")
    rows: list[Cells] = [
        (
            view,
            one.answers,
            one.groups,
            f"{one.confidence:.4f}",
            f"{one.accuracy:.4f}",
            f"{one.error:.4f}",
            str(one.interval),
            one.verdict,
        )
        for view, one in found.items()
    ]
    return columns, rows


def _bins(found: Mapping[str, Reliability]) -> Iterator[Cells]:
    for view, one in found.items():
        for part in one.bins:
            values = (part.confidence, part.accuracy, part.interval.low, part.interval.high)
            ends = (f"{part.low:.4f}", f"{part.high:.4f}")
            yield (view, *ends, part.answers, part.groups, *(f"{value:.4f}" for value in values))


def _part(one: SubsetScore) -> Cells:
    values = (one.value, one.interval.low, one.interval.high)
    of = (one.subset.by, one.subset.value, one.groups, len(one.subset.rows), one.view, in_words(one.score))
    return (*of, *(f"{value:.4f}" for value in values))


def _html_table(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>\n{body}</table></div>'
