"""Labels images with a finished run, for another run to train on as well."""

import logging
from pathlib import Path

from torch import Tensor

from dataset.pseudo.labels import FILE, GROUP, NAME, confidences, feature_column, refuse_numbers
from dataset.pseudo.teacher import Teacher
from dataset.readers.eval_base import EvalDataset
from dataset.readers.folder_test_dataset import FolderTestDataset
from dataset.tasks.base import Task
from experiment.allowed_moves import build_views, with_views
from experiment.assemble import Experiment
from experiment.features import features_of
from experiment.finished_run import check_validated, load_weights
from experiment.infer import Infer
from experiment.leak import held_out
from experiment.made_run import refuse_made
from experiment.members import folders_by_fold, members_of
from experiment.mode import MODES
from experiment.run_engine import with_engine
from experiment.run_folder import read_environment
from inference.cases import of_each_image
from inference.inferrer import check_finite, write_predictions
from inference.mean import mean_predictions
from inference.predict import Predictions, predict
from inference.saved import VALIDATED, refuse_changed
from utils.convert import as_text
from utils.durable import sha256_of
from utils.errors import ConfigError
from utils.shortened import MOST
from utils.tables import read_table
from utils.text_table import format_table

log = logging.getLogger("podium")


@MODES.register
class Pseudo(Infer):
    """Write pseudo_labels.csv: the eval images, or those in [pseudo] images, labelled by a finished run.

    Of a run over several folds each member gets its own: the mean of the models that held out its fold.
    """

    free = ("pseudo.images",)

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        refuse_made(folder, "label with a member")
        refuse_numbers(experiment.task.spaces)
        check_validated(folder)  # its labels would leak into whatever another run validates
        data, named = experiment.settings.paths.data, experiment.settings.pseudo.images
        if named is None:
            images = experiment.eval_table()
            batches = experiment.eval_batches(images, "unlabelled eval")  # no label is made up for one
        elif features_of(experiment.settings) is not None:
            raise ConfigError(
                f"[pseudo] images = {named} is a folder: no table says of its images the [dataset] features "
                "that this model sees. Label the eval images instead (images = none)."
            )
        else:
            images = _images_in(data / named, data)
            batches = experiment.eval_batches(images, "unlabelled")

        model = experiment.model(fresh=False)
        views = build_views(experiment.settings, experiment.task, experiment.prepare.size)
        for models in folders_by_fold(experiment.settings.run, folder):
            predictions = []
            for member in models:
                load_weights(model, experiment, member)
                engine = with_engine(model, experiment, member, self.outputs.folder(member))
                asked = with_views(engine, views, experiment.settings, experiment.task)
                predictions.append(predict(asked, batches, experiment.precision, what="Labelling"))
                check_finite(predictions[-1])

            spaces = experiment.task.spaces
            labels = of_each_image(mean_predictions(spaces, predictions), images.cases, spaces)
            teacher = _teacher(experiment, models)
            for member in models:
                _write(self.outputs.folder(member) / NAME, experiment.task, images, labels, teacher)
        _say_how(experiment, self.outputs.folder(folder), teacher)


def _write(path: Path, task: Task, images: EvalDataset, labels: Predictions, teacher: Teacher) -> None:
    files, cases = images.files, images.cases
    groups = (
        [""] * len(files) if cases is None else [cases.names[number] for number in cases.numbers.tolist()]
    )
    sure = confidences(task.spaces, task.probabilities(labels.logits))
    columns = [[f"{value:.6f}" for value in values.tolist()] for values in sure.values()]
    names = [f"confidence/{name}" for name in sure]
    for name, cells in ({} if images.features is None else images.features.cells).items():
        names.append(feature_column(name))
        columns.append(cells)

    ids = list(zip(files, groups, *columns, strict=True))
    write_predictions(path, (FILE, GROUP, *names), ids, task, labels)
    teacher.write(path)

    log.info("\n%s\n", _counts(task, labels, sure))
    log.info(
        "Pseudo labels: %s (%d images), with %s beside it.", path, len(files), path.with_suffix(".json").name
    )


def _teacher(experiment: Experiment, models: list[Path]) -> Teacher:
    """Return what is known of models with one fold held out, whatever their reader calls it."""
    folder = models[0]
    refuse_changed(folder / VALIDATED)
    fold = read_table(folder / VALIDATED, ("fold",)).rows[0]["fold"]
    return Teacher(
        run=", ".join(map(str, models)),
        commit=read_environment(folder).get("commit"),
        config=sha256_of(folder / "config.ini"),
        seed=experiment.settings.run.dealing_seed,
        valid_fold=int(fold),
        held_out=held_out(folder),
    )


def _images_in(folder: Path, data: Path) -> EvalDataset:
    """Return every image of a folder, named from the data folder if it lies there, else by its whole path."""
    listed = FolderTestDataset(root=folder.parent, task=Task(()), images=folder.name)
    paths, inside = [(folder.parent / file).absolute() for file in listed.files], data.absolute()
    files = [(path.relative_to(inside) if path.is_relative_to(inside) else path).as_posix() for path in paths]
    return EvalDataset(root=data, columns=listed.columns, ids=listed.ids, files=files)


def _counts(task: Task, predicted: Predictions, sure: dict[str, Tensor]) -> str:
    """Return a table of how many images got each label."""
    columns = ("label", "images", "mean confidence")
    rows: list[tuple[str | int, ...]] = []
    for name, chosen in task.decide(predicted.logits).items():
        labels = next(space.labels for space in task.spaces if space.name == name)
        counts = chosen.sum(dim=0)
        means = (chosen * sure[name].unsqueeze(1)).sum(dim=0) / counts
        for index in counts.argsort(descending=True, stable=True)[:MOST].sort().values.tolist():
            mean = f"{means[index]:.4f}" if counts[index] else "-"
            rows.append((f"{name}/{labels[index]}", int(counts[index]), mean))
        if len(labels) > MOST:
            rows.append((f"{name}: {len(labels) - MOST} rarer ones, all in {NAME}", "", ""))
    return format_table(columns, rows)


def _say_how(experiment: Experiment, folder: Path, teacher: Teacher) -> None:
    """Print how a run is trained with the labels; each fold of one over several with its own."""
    held_out, path = f"valid_fold = {teacher.valid_fold}", folder / NAME
    if members := members_of(experiment.settings.run):
        first = members[0]
        path = folder / first.name.replace(f"fold-{first.fold}", "fold-{fold}") / NAME
        held_out = f"folds = {as_text(experiment.settings.run.folds)}"
    images = experiment.settings.pseudo.images
    weighted = all(space.kind == "one_of" for space in experiment.task.spaces)
    log.info(
        "Train on them as well, in a run with the same folds, %s and split_seed = %d:\n\n"
        "[pseudo]\nlabels = %s\n%s%smin_confidence = 0.5",
        held_out, teacher.seed, path, f"images = {images}\n" if images else "",
        "weight = 0.5\n" if weighted else "",
    )  # fmt: skip
