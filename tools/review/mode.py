"""Looks at where a finished run is wrong, and at which labels may be."""

import hashlib
import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from dataset.croppers.base import CROPPERS
from dataset.images.prepare import Prepare
from dataset.readers.relabel import COLUMNS
from experiment.mode import MODES, Mode
from experiment.run_config import AskedRun
from experiment.run_folder import find_run
from experiment.saved_run import SavedRun, Tables
from experiment.settings import Settings
from inference.mean import mean_probabilities
from tools.review.confident import RULES
from tools.review.number_report import NOTHING_SHARED, NumberReport
from tools.review.report import Report
from tools.review.settings import ReviewSettings
from tools.review.sheet import Item, Pictures, items, sheet
from tools.review.suspects import Doubt, Suspect, Validation, Verdict, suspected, wrong_shares
from tools.review.web_page import script_page
from utils.convert import convert
from utils.durable import make_folder, write_text
from utils.errors import ConfigError
from utils.tables import from_spreadsheet, read_table, write_table
from utils.text_table import format_table

log = logging.getLogger("podium")
_OFTEN = 0.25  # of what is judged: a model that is wrong so often finds its own mistakes
FOLDER = "review"  # in the run's folder
_SUSPECTS = ("question", "rank", "group", "files", "given", "suggested", "margin", "p given", "p suggested")


@MODES.register
class Review(Mode):
    """Write a finished run's report and the sheet of suspected labels, into its folder ``review``.

    With more runs, the suspects are those of the mean of all their probabilities, in the first one's folder.
    """

    takes = ("run",)
    may_set = ("paths", "review", "dataset.relabel")

    @classmethod
    def options(cls, parser: ArgumentParser) -> None:
        parser.add_argument("runs", nargs="*", metavar="RUN", help="by version or path (default: the newest)")

    def run(self, arguments: Namespace) -> None:
        here = AskedRun.of(arguments).here
        wanted = arguments.runs if arguments.run is None else [arguments.run, *arguments.runs]
        folders = [find_run(here.paths.runs, here.run.name, run, finished=True) for run in wanted or [None]]
        paths = [text for text in arguments.overrides if text.startswith("paths.")]
        tables = Tables()
        runs = [SavedRun.read(folder, paths, tables) for folder in folders]

        # Whatever can be refused is before anything is written.
        together = _mean(runs) if len(runs) > 1 else _validation(runs[0])
        earlier = _earlier(here, runs[0].settings)

        folder, wanted = folders[0] / FOLDER, here.of_tool(ReviewSettings)
        make_folder(folder)
        _write_report(wanted, runs, folder)
        if any(not space.numeric for space in runs[0].task.spaces):
            _write_suspects(wanted, runs, together, folder, earlier)


def _write_report(wanted: ReviewSettings, runs: Sequence[SavedRun], folder: Path) -> None:
    """Write and print what the first run's predictions say of it, with the numbers that all runs doubt."""
    run, validation = runs[0], _validation(runs[0])
    report = Report.of(run, validation, NumberReport.of(runs))
    report.write(folder, Pictures(validation, _prepare(run.settings, wanted.height)), wanted.mistakes)
    log.info("\n%s: %d images were validated.\n\n%s", run.folder, len(run.rows), report.text())
    log.info("\nReport: %s, with its tables and picture beside it.", folder / "report.html")


def _write_suspects(
    wanted: ReviewSettings,
    runs: Sequence[SavedRun],
    validation: Validation,
    folder: Path,
    earlier: Sequence[Sequence[str]],
) -> None:
    """Write the labels that all runs together doubt, as a table and as a sheet to mark them on."""
    run, rule = runs[0], RULES[wanted.rule]
    verdicts = [suspected(judged, validation.groups, rule) for judged in validation.judged(by_group=True)]
    write_table(folder / "suspects.csv", _SUSPECTS, _rows(validation, verdicts))
    doubtful = _doubtful(verdicts)
    for line in doubtful:
        log.warning("%s", line)

    suspects = [suspect for verdict in verdicts for suspect in verdict.suspects]
    corrected = [(run.dataset.profile(profile), field) for profile, field, *_ in earlier]
    shown = items(validation, suspects, wanted.most, corrected)
    data = sheet(
        validation,
        shown,
        Pictures(validation, _prepare(run.settings, wanted.height)),
        run=run.folder,
        key=_key(validation),
        earlier=earlier,
        note=" ".join([_note(run, len(runs), len(earlier)), *doubtful]),
    )
    write_text(folder / "review.html", script_page("review", data))
    log.info("\n%s\n", _counts(verdicts, shown))
    log.info(
        "Suspected labels: %s\nOpen %s in a browser, mark what is wrong, and save relabel.csv for [dataset] "
        "relabel.",
        folder / "suspects.csv", folder / "review.html",
    )  # fmt: skip


def _prepare(settings: Settings, height: int) -> Prepare:
    """Return what makes pictures for people: of the part that the model sees, in colour."""
    rows, columns = settings.images.size
    size = (height, max(1, round(height * columns / rows)))
    cropper = CROPPERS.build(settings.chosen["crop"], image_size=size)
    return Prepare(size, cropper, depth=settings.images.depth)


def _validation(run: SavedRun, probabilities: Mapping[str, Tensor] | None = None) -> Validation:
    """Return the images that a run validated, with its own probabilities unless others are given."""
    probabilities = _asked(run) if probabilities is None else probabilities
    return Validation(run.task, run.dataset, run.rows, run.validated.groups, run.targets, probabilities)


def _asked(run: SavedRun) -> dict[str, Tensor]:
    """Return the probabilities of each question that has them: a number has none."""
    asked = run.task.asked(run.validated.probabilities)
    return {name: values for name, values in asked.items() if not run.task.space_of(name).numeric}


def _mean(runs: Sequence[SavedRun]) -> Validation:
    """Return the images that all runs validated, with the mean of their probabilities of each label.

    Raises:
        ConfigError: there is no such image, or the runs have other labels.
    """
    shared = set.intersection(*(set(run.validated.ids) for run in runs))
    ids = [name for name in runs[0].validated.ids if name in shared]
    if not ids:
        raise ConfigError(NOTHING_SHARED)

    same = [run.only(ids) for run in runs]
    asked = list(map(_asked, same))
    labels = [_labels(run, questions) for run, questions in zip(same, asked, strict=True)]
    for run, names in zip(same, labels, strict=True):
        if names != labels[0]:
            raise ConfigError(f"{run.folder} has other labels than {same[0].folder}.")
    return _validation(same[0], mean_probabilities(asked))


def _labels(run: SavedRun, questions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {question: run.task.questions[question] for question in questions}


def _earlier(here: Settings, trained: Settings) -> list[list[str]]:
    """Return the corrections that the team has: those that today's config names, or else the run's."""
    for settings in (here, trained):
        option = settings.chosen["dataset"].options.get("relabel")
        path = convert(option.text, Path | None) if option else None
        if path is not None:
            rows = read_table(path, COLUMNS).rows
            return [[from_spreadsheet(row[column]) for column in COLUMNS] for row in rows]
    return []


def _key(validation: Validation) -> str:
    digest = hashlib.sha256("\n".join(validation.dataset.files[row] for row in validation.rows).encode())
    for probabilities in validation.probabilities.values():
        digest.update(probabilities.numpy().tobytes())
    return digest.hexdigest()[:20]


def _note(run: SavedRun, runs: int, earlier: int) -> str:
    """Return what is said above the suspects."""
    sentences = ["Ranked by how surely the model contradicts the label. Blue frame: the photo in doubt."]
    if runs > 1:
        sentences.append(f"The mean of {runs} runs.")
    if earlier:
        sentences.append(f"{earlier} corrections that the config names are saved again, and not asked.")
    if not run.dataset.cells_are_read:
        name = type(run.dataset).__name__
        sentences.append(
            f"{name} reads no relabel file: take what you save as a list of files to mend by hand."
        )
    return " ".join(sentences)


def _rows(validation: Validation, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, ...]]:
    """Yield a row of ``_SUSPECTS`` for each doubted label, worst first within each question."""
    for verdict in verdicts:
        for rank, suspect in enumerate(verdict.suspects, start=1):
            yield from (_row(validation, suspect, doubt, rank) for doubt in suspect.doubts)


def _row(validation: Validation, suspect: Suspect, doubt: Doubt, rank: int) -> tuple[str, ...]:
    files = [validation.dataset.files[int(validation.rows[image])] for image in doubt.images]
    group = validation.groups[int(doubt.images[0])]
    names, probabilities = suspect.judged.names, doubt.probabilities
    numbers = (suspect.margin, probabilities[doubt.given], probabilities[doubt.suggested])
    where = (suspect.judged.question, str(rank), group, "\n".join(files))
    return (*where, names[doubt.given], names[doubt.suggested], *(f"{number:.6f}" for number in numbers))


def _doubtful(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a line for each question that the model gets wrong so often that no suspicion is worth much."""
    return [
        f"{question}: the model is wrong about {share:.0%} of what is judged, so this is a list of its "
        "mistakes, not of wrong labels."
        for question, share in wrong_shares(verdicts).items()
        if share >= _OFTEN
    ]


def _counts(verdicts: Sequence[Verdict], shown: Sequence[Item]) -> str:
    """Return how many labels are suspected and shown, by question."""
    counts: dict[str, list[int]] = {}
    for verdict in verdicts:
        row = counts.setdefault(verdict.judged.question, [0, 0, 0])
        row[0] += len(verdict.judged.given)
        row[1] += len(verdict.suspects)
    for item in shown:
        counts[item.question][2] += 1

    wrong = wrong_shares(verdicts)
    columns = ("labels that may be wrong", "judged", "model wrong", "suspects", "on the sheet")
    rows: list[tuple[str | int, ...]] = [
        (question, row[0], f"{wrong[question]:.1%}", *row[1:]) for question, row in counts.items()
    ]
    return format_table(columns, rows)
