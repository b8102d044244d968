"""Labels images with a finished run, for another run to train on as well."""

import logging
from pathlib import Path

from dataset.pseudo.labels import FILE, GROUP, NAME, feature_column
from dataset.pseudo.numbers import as_cell, number_table
from dataset.pseudo.teacher import Teacher
from dataset.readers.eval_base import EvalDataset
from dataset.readers.folder_test_dataset import FolderTestDataset
from dataset.tasks.base import Task
from experiment.allowed_moves import build_views
from experiment.assemble import Experiment
from experiment.eval_data import eval_batches, table_of_eval
from experiment.features import features_of
from experiment.finished_run import check_validated
from experiment.infer import Infer
from experiment.leak import held_out
from experiment.made_run import refuse_made
from experiment.members import folders_by_fold, members_of
from experiment.mode import MODES
from experiment.run_folder import read_environment
from inference.inferrer import write_predictions
from inference.saved import VALIDATED, refuse_changed
from tools.pseudo.labelling import ModelAnswers, check_spread, counts, labelled
from utils.convert import as_text
from utils.durable import sha256_of
from utils.errors import ConfigError
from utils.tables import read_table

log = logging.getLogger("podium")


@MODES.register
class Pseudo(Infer):
    """Write pseudo_labels.csv: the eval images, or those in [pseudo] images, labelled by a finished run.

    Of a run over several folds each member gets its own: the mean of the models that held out its fold.
    """

    free = ("pseudo.images",)

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        refuse_made(folder, "label with a member")
        check_validated(folder)  # its labels would leak into whatever another run validates
        teachers = folders_by_fold(experiment.settings.run, folder)
        check_spread(experiment, several=len(teachers[0]) > 1)
        data, named = experiment.settings.paths.data, experiment.settings.pseudo.images
        if named is None:
            images = table_of_eval(experiment)
            batches = eval_batches(experiment, images, "unlabelled eval")  # no label is made up for one
        elif features_of(experiment.settings) is not None:
            raise ConfigError(
                f"[pseudo] images = {named} is a folder: no table says of its images the [dataset] features "
                "that this model sees. Label the eval images instead (images = none)."
            )
        else:
            images = _images_in(data / named, data)
            batches = eval_batches(experiment, images, "unlabelled")

        model = experiment.model(fresh=False)
        views = build_views(experiment.settings, experiment.task, experiment.prepare.size)
        for models in teachers:
            labels = labelled(experiment, model, models, views, batches, images.cases, self.outputs)
            teacher = _teacher(experiment, models)
            for member in models:
                _write(self.outputs.folder(member) / NAME, experiment.task, images, labels, teacher)
        _say_how(experiment, self.outputs.folder(folder), teacher)


def _write(path: Path, task: Task, images: EvalDataset, labels: ModelAnswers, teacher: Teacher) -> None:
    files, cases = images.files, images.cases
    groups = (
        [""] * len(files) if cases is None else [cases.names[number] for number in cases.numbers.tolist()]
    )
    columns = [list(map(as_cell, values.tolist())) for values in labels.sure.values()]
    names = [f"confidence/{name}" for name in labels.sure]
    for name, cells in ({} if images.features is None else images.features.cells).items():
        names.append(feature_column(name))
        columns.append(cells)

    ids = list(zip(files, groups, *columns, strict=True))
    write_predictions(path, (FILE, GROUP, *names), ids, task, labels.predictions)
    teacher.write(path)
    numbers = number_table(task, labels.predictions.logits, labels.sure)
    for text in filter(None, (counts(task, labels), numbers)):
        log.info("\n%s\n", text)
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
