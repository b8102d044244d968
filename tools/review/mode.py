"""Looks at where a finished run is wrong, and at which labels may be."""

import hashlib
import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from dataset.croppers.base import CROPPERS
from dataset.images.prepare import Prepare
from dataset.readers.relabel import COLUMNS
from experiment.mode import MODES, Mode
from experiment.run_config import Asked
from experiment.run_folder import find_run
from experiment.saved_run import SavedRun, Tables
from experiment.settings import Settings
from inference.mean import mean_probabilities
from tools.review.report import Report
from tools.review.settings import ReviewSettings
from tools.review.sheet import Item, Pictures, items, sheet
from tools.review.suspects import Answer, Validation, answer, wrong_shares
from tools.review.web_page import script_page
from utils.convert import convert
from utils.durable import make_folder, write_text
from utils.errors import ConfigError
from utils.tables import from_spreadsheet, read_table, write_table
from utils.text_table import format_table

log = logging.getLogger("podium")
_OFTEN = 0.25  # of what is judged: a model that is wrong so often finds its own mistakes
FOLDER = "review"  # in the run's folder
_SUSPECTS = ("view", "rank", "group", "files", "given", "suggested", "margin", "p given", "p suggested")


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
        here = Asked.of(arguments).here
        wanted = arguments.runs if arguments.run is None else [arguments.run, *arguments.runs]
        folder, *others = [
            find_run(here.paths.runs, here.run.name, run, finished=True) for run in wanted or [None]
        ]
        places = [text for text in arguments.overrides if text.startswith("paths.")]
        tables = Tables()
        runs = [SavedRun.read(own, places, tables) for own in (folder, *others)]
        make_folder(folder / FOLDER)
        _write(here, runs, folder / FOLDER)


def _write(here: Settings, runs: Sequence[SavedRun], folder: Path) -> None:
    run = runs[0]
    prepare = _prepare(run.settings, here.of_tool(ReviewSettings).height)
    own = _validation(run, run.task.asked(run.validated.probabilities))
    pictures = Pictures(own, prepare)
    report = Report.of(run, own)
    report.write(folder, pictures, here.of_tool(ReviewSettings).mistakes)
    log.info("\n%s: %d images were validated.\n\n%s", run.folder, len(run.rows), report.text())
    judged = own if len(runs) == 1 else _mean(runs)
    answers = [answer(question, judged.groups) for question in judged.questions(by_group=True)]
    suspects = [suspect for one in answers for suspect in one.suspects]
    _write_suspects(folder / "suspects.csv", judged, answers)
    earlier = _earlier(here, run.settings)
    corrected = [(run.dataset.profile(profile), field) for profile, field, *_ in earlier]
    doubtful = _doubtful(answers)
    for line in doubtful:
        log.warning("%s", line)
    found = items(judged, suspects, here.of_tool(ReviewSettings).most, corrected)
    data = sheet(
        judged,
        found,
        pictures if judged is own else Pictures(judged, prepare),
        run=run.folder,
        key=_key(judged),
        earlier=earlier,
        note=" ".join([_note(run, len(runs), len(earlier)), *doubtful]),
    )
    write_text(folder / "review.html", script_page("review", data))
    log.info("\n%s\n", _counts(answers, found))
    log.info("Report: %s, with its tables and picture beside it.", folder / "report.html")
    log.info(
        "Suspected labels: %s\nOpen %s in a browser, mark what is wrong, and save relabel.csv for [dataset] "
        "relabel.",
        folder / "suspects.csv",
        folder / "review.html",
    )


def _prepare(settings: Settings, height: int) -> Prepare:
    """Return what makes pictures for people: of the part that the model sees, in colour."""
    rows, columns = settings.images.size
    size = (height, max(1, round(height * columns / rows)))
    cropper = CROPPERS.build(settings.chosen["crop"], image_size=size)
    return Prepare(size, cropper, depth=settings.images.depth)


def _validation(run: SavedRun, probabilities: Mapping[str, Tensor]) -> Validation:
    return Validation(run.task, run.dataset, run.rows, run.validated.groups, run.targets, probabilities)


def _mean(runs: Sequence[SavedRun]) -> Validation:
    """Return the images that all runs validated, with the mean of their probabilities of each label.

    Raises:
        ConfigError: there is no such image, or the runs have other labels.
    """
    shared = set.intersection(*(set(run.validated.ids) for run in runs))
    ids = [name for name in runs[0].validated.ids if name in shared]
    if not ids:
        raise ConfigError("No image was validated by all of these runs: train them with the same folds.")
    same = [run.only(ids) for run in runs]
    first = same[0].task.asked(same[0].validated.probabilities)
    asked = [run.task.asked(run.validated.probabilities) for run in same]
    for run, found in zip(same, asked, strict=True):
        if {view: run.task.questions[view] for view in found} != {
            v: same[0].task.questions[v] for v in first
        }:
            raise ConfigError(f"{run.folder} has other labels than {same[0].folder}.")
    return _validation(same[0], mean_probabilities(asked))


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
    said = ["Ranked by how surely the model contradicts the label. Blue frame: the photo in doubt."]
    if runs > 1:
        said.append(f"The mean of {runs} runs.")
    if earlier:
        said.append(f"{earlier} corrections that the config names are saved again, and not asked.")
    if not run.dataset.cells_are_read:
        name = type(run.dataset).__name__
        said.append(f"{name} reads no relabel file: take what you save as a list of files to mend by hand.")
    return " ".join(said)


def _write_suspects(path: Path, validation: Validation, answers: Sequence[Answer]) -> None:
    rows = []
    for one in answers:
        for rank, suspect in enumerate(one.suspects, start=1):
            for doubt in suspect.doubts:
                files = [validation.dataset.files[int(validation.rows[image])] for image in doubt.images]
                names, of = one.question.names, doubt.probabilities
                sure = (suspect.margin, of[doubt.given], of[doubt.suggested])
                group = validation.groups[int(doubt.images[0])]
                labels = (names[doubt.given], names[doubt.suggested])
                texts = (one.question.view, str(rank), group, "\n".join(files), *labels)
                rows.append((*texts, *(f"{value:.6f}" for value in sure)))
    write_table(path, _SUSPECTS, rows)


def _doubtful(answers: Sequence[Answer]) -> list[str]:
    """Return a line for each view about which the model is wrong so often that no suspicion is worth much."""
    return [
        f"{view}: the model is wrong about {share:.0%} of what is judged, so this is a list of its "
        "mistakes, not of wrong labels."
        for view, share in wrong_shares(answers).items()
        if share >= _OFTEN
    ]


def _counts(answers: Sequence[Answer], found: Sequence[Item]) -> str:
    """Return how many labels are suspected and shown, by label space."""
    rows: dict[str, list[int]] = {}
    wrong = wrong_shares(answers)
    for one in answers:
        of = rows.setdefault(one.question.view, [0, 0, 0])
        of[0] += len(one.question.given)
        of[1] += len(one.suspects)
    for item in found:
        rows[item.view][2] += 1
    columns = ("labels that may be wrong", "judged", "model wrong", "suspects", "on the sheet")
    return format_table(
        columns, [(view, judged, f"{wrong[view]:.1%}", *rest) for view, (judged, *rest) in rows.items()]
    )
