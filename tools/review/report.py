"""What a run's predictions say of it: calibration, parts of the images, mistakes; text, CSV and HTML."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from dataset.readers.base import whose
from dataset.tasks.base import Task
from experiment.saved_run import SavedRun
from inference.label_report import LabelScore, label_scores
from tools.review import tables
from tools.review.calibration import Reliability, reliability
from tools.review.grades import GRADES, NOTE, Distances, distances
from tools.review.mistakes import Mistake, most_confident
from tools.review.number_report import NumberReport
from tools.review.picture import reliability_picture
from tools.review.sheet import Pictures
from tools.review.subsets import SubsetScore, subset_scores, subsets
from tools.review.suspects import Judged, Validation
from tools.review.tables import html_table
from tools.review.web_page import plain_page
from utils.durable import write_bytes, write_text
from utils.tables import write_table
from utils.text_table import Cells, format_table

_KEPT = 50  # mistakes of each label in the CSV
DRAWS = 300  # for the intervals of each label and part, of which there are many
_CALIBRATION = (
    "Bars: the share of answers that are true among those of about the same probability, with its interval; "
    "on the diagonal they agree. Answers: the likeliest label of each question, or, where any number is "
    "right, each label (says: its mean probability; true: the share of images that have it). Error: the mean "
    "distance from the diagonal (expected calibration error, 15 bins)."
)
_EACH_LABEL = (
    "Over all labelled images. Images: have the label. Answers: were given it. A label with nothing to "
    "divide by (-) counts as 0 in a macro-F1."
)
_NO_F1 = (
    "A part that lacks labels of a question has no F1 there: it would be too high, since no answer can be "
    "wrong about images that were taken away."
)


@dataclass(frozen=True, slots=True)
class Report:
    """All that is written of a run but the suspected labels."""

    run: SavedRun
    validation: Validation
    reliabilities: Mapping[str, Reliability]  # by question
    labels: Sequence[LabelScore]
    parts: Sequence[SubsetScore]
    mistakes: Sequence[Mistake]
    numbers: NumberReport | None  # of questions whose answer is one; what is above is of the others
    grades: Sequence[Distances]

    @classmethod
    def of(cls, run: SavedRun, validation: Validation, numbers: NumberReport | None) -> "Report":
        """Return what there is to say of a run."""
        groups = validation.groups
        labels = label_scores(run.task, run.task.decide(run.logits), run.targets, groups, repeats=DRAWS)

        facts = [run.dataset.facts_of(int(row)) for row in run.rows]
        parts: list[SubsetScore] = []
        for part in subsets(run.task, run.targets, facts, groups):
            parts += subset_scores(run.task, part, run.logits, run.targets, groups, repeats=DRAWS)

        judged = list(validation.judged(by_group=False))
        mistakes = [mistake for each in judged for mistake in most_confident(each, groups, _KEPT)]
        return cls(
            run,
            validation,
            _reliabilities(judged, groups),
            labels,
            parts,
            mistakes,
            numbers,
            list(distances(run)),
        )

    def write(self, folder: Path, pictures: Pictures, most: int) -> None:
        """Write tables, pictures and ``report.html``, with ``most`` mistakes of each label."""
        sections: list[str] = []
        if self.numbers is not None:
            self.numbers.write(folder)
            sections += self.numbers.html(pictures)

        # What is about labels is left out where there are none, rather than shown empty.
        if self.reliabilities:
            picture = cv2.imencode(".png", reliability_picture(self.reliabilities)[..., ::-1])[1].tobytes()
            write_bytes(folder / "reliability.png", picture)
            write_table(folder / "reliability.csv", tables.BINS, tables.bins(self.reliabilities))
            write_table(folder / "labels.csv", tables.LABELS, map(tables.label, self.labels))
            write_table(folder / "mistakes.csv", tables.MISTAKES, map(self._cells, self.mistakes))
            sections += self._labels(base64.b64encode(picture).decode())

        if self.grades:
            cells = [distance.cells for distance in self.grades]
            write_table(folder / "grades.csv", GRADES, cells)
            sections += ["<h2>How far off grades are</h2>", f"<p>{NOTE}</p>", html_table(GRADES, cells)]
        if self.parts:
            write_table(folder / "parts.csv", tables.PARTS, map(tables.part, self.parts))
            sections += self._parts()
        if self.reliabilities:
            sections += ["<h2>The surest mistakes of each label</h2>", *self._mistakes(pictures, most)]
        write_text(folder / "report.html", self._page(sections))

    def text(self) -> str:
        """Return what is printed: calibration, each label, the deciding question on each part, numbers."""
        shown, left_out = tables.worst_labels(self.labels)
        labels = self._table(*tables.labels_in_short(shown))
        if left_out:
            labels += f"\n{_left_out(left_out)}"
        parts = self._table(*tables.parts_in_short(self.parts, list(self.run.task.questions)[-1]))
        note = f"\n{_NO_F1}" if self.reliabilities else ""
        sure = self._table(*tables.calibration(self.reliabilities))
        grades = self._table(GRADES, [distance.cells for distance in self.grades])
        numbers = self.numbers.text() if self.numbers is not None else ""
        return "\n\n".join(filter(None, [sure, labels, parts and f"{parts}{note}", grades, numbers]))

    def _table(self, columns: tuple[str, ...], rows: list[Cells]) -> str:
        return format_table(*self._known(columns, rows)) if rows else ""

    @property
    def _whose(self) -> tuple[str, str]:
        return whose(self.validation.groups, self.run.dataset.group_words)

    def _known(self, columns: tuple[str, ...], rows: list[Cells]) -> tuple[tuple[str, ...], list[Cells]]:
        return tables.with_groups(columns, rows, self._whose[1])

    def _cells(self, mistake: Mistake) -> Cells:
        file = self.run.dataset.files[int(self.run.rows[mistake.image])]
        probabilities = (f"{mistake.probability:.4f}", f"{mistake.of_label:.4f}")
        answers = (mistake.question, mistake.label, mistake.answer)
        return (*answers, *probabilities, self.validation.groups[mistake.image], file)

    def _page(self, sections: Sequence[str]) -> str:
        group, several = self._whose
        count = len(set(self.validation.groups))
        belong = "" if several == "images" else f" of {count} {several}"
        body = [
            f"<h1>Report of {escape(str(self.run.folder))}</h1>",
            f"<p>{len(self.run.rows)} images{belong}, each predicted by models that were not trained on it, "
            f"held against the organiser's labels. Intervals (95 %) are drawn by {group}.</p>",
            *sections,
        ]
        return plain_page(f"Report of {self.run.folder}", "report", "\n".join(body))

    def _labels(self, picture: str) -> Iterator[str]:
        """Yield what is said of labels; ``picture`` is a PNG in base64."""
        shown, left_out = tables.worst_labels(self.labels)
        yield "<h2>Is it right as often as it says?</h2>"
        yield f'<img class="picture" alt="reliability" src="data:image/png;base64,{picture}">'
        yield f"<p>{_CALIBRATION}</p>"
        yield html_table(*self._known(*tables.calibration(self.reliabilities)))
        yield "<h2>Each label</h2>"
        more = f" {_left_out(left_out)}" if left_out else ""
        yield f"<p>{_EACH_LABEL}{_chosen(self.run.task)}{more}</p>"
        yield html_table(*self._known(*tables.labels_in_short(shown)))

    def _parts(self) -> Iterator[str]:
        yield "<h2>Parts of the images</h2>"
        if self.reliabilities:
            yield f"<p>{_NO_F1}</p>"
        yield html_table(*self._known(tables.PARTS, list(map(tables.part, self.parts))))

    def _mistakes(self, pictures: Pictures, most: int) -> Iterator[str]:
        by_label, left_out = tables.of_each_label(self.mistakes)
        group, several = self._whose
        alone = "" if several == "images" else f" One of each {group} at most."
        more = f" Those of {left_out} labels with fewer are in mistakes.csv." if left_out else ""
        yield (
            "<p>A mistake: the likeliest answer to the question, by itself, is not the organiser's."
            f"{alone} Some are wrong labels: see review.html.{more}</p>"
        )
        shown = {key: mistakes[:most] for key, mistakes in by_label.items()}
        pictures.need([mistake.image for mistakes in shown.values() for mistake in mistakes])
        for (question, label), mistakes in shown.items():
            yield f"<h3>{escape(question)}: {escape(label)}</h3>"
            figures = [self._figure(mistake, pictures) for mistake in mistakes]
            yield f'<div class="photos">{"".join(figures)}</div>'

    def _figure(self, mistake: Mistake, pictures: Pictures) -> str:
        name = PurePosixPath(pictures.file(mistake.image))
        where = f"{self.validation.groups[mistake.image]} {name.stem}"
        answer = f"{mistake.answer} {mistake.probability:.2f}"
        caption = f"{answer}, {mistake.label} {mistake.of_label:.2f}"
        source = f'src="data:image/jpeg;base64,{pictures[mistake.image]}"'
        return (
            f'<figure><img alt="" loading="lazy" {source}>'
            f"<figcaption>{escape(caption)}<br>{escape(where)}</figcaption></figure>"
        )


def _reliabilities(judged: Sequence[Judged], groups: Sequence[str]) -> dict[str, Reliability]:
    """Return the reliability of each question: of the likeliest label, or of each label that may be there."""
    by_question: dict[str, list[Judged]] = {}
    for each in judged:
        by_question.setdefault(each.question, []).append(each)

    reliabilities = {}
    for question, same in by_question.items():
        images = np.concatenate([np.concatenate(each.images) for each in same])
        first = same[0]
        if first.label is None:
            confidence = first.probabilities.max(axis=1)
            right = first.probabilities.argmax(axis=1) == first.given
        else:  # any number of labels: each is held against its own probability
            confidence = np.concatenate([each.probabilities[:, 1] for each in same])
            right = np.concatenate([each.given == 1 for each in same])
        reliabilities[question] = reliability(confidence, right, [groups[image] for image in images])
    return reliabilities


def _chosen(task: Task) -> str:
    """Return how labels were chosen where an image may have any, as a sentence; else nothing."""
    for space in task.spaces:
        if space.kind == "any_of":
            limits = [f"{limit:g}" for limit in space.limits if limit is not None]
            ends = " to ".join(sorted({min(limits, default=""), max(limits, default="")}))
            by = space.rule or f"those from a probability of {ends} on"
            return f" Chosen were {by}; thresholds tuned on these same images would score too high here."
    return ""


def _left_out(labels: int) -> str:
    return f"{labels} labels more, none with a lower F1, are in labels.csv."
