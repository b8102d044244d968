"""Labels images with a finished run, for another run to train on as well."""

import logging
from argparse import Namespace
from pathlib import Path

from torch import Tensor

from dataset.class_table import format_table
from dataset.eval_dataset import EvalDataset
from dataset.pseudo_labels import FILE, GROUP, confidences
from dataset.readers.folder_test_dataset import FolderTestDataset
from dataset.task import Task
from dataset.teacher import Teacher
from inference.inferrer import check_finite, write_predictions
from inference.predict import Predictions, predict
from modes.assemble import Experiment
from modes.infer import Infer, finished_run
from modes.mode import MODES
from modes.read_settings import check, read_sections
from modes.run_folder import read_environment
from utils.durable import sha256_of
from utils.tables import read_table

log = logging.getLogger("podium")
_MOST_SHOWN = 30  # labels of a space whose images are counted in the log


@MODES.register
class Pseudo(Infer):
    """Write pseudo_labels.csv: the eval images, or those in [pseudo] images, labelled by a finished run."""

    images: Path | None = None  # a folder; None = the eval images

    def run(self, arguments: Namespace) -> None:
        here = check(read_sections(arguments.config, arguments.overrides), str(arguments.config))
        if here.pseudo.images is not None:
            self.images = here.paths.data / here.pseudo.images
        # What else may be changed is what inference may change.
        own = "pseudo.images"
        others = [text for text in arguments.overrides if text.partition("=")[0].strip().lower() != own]
        super().run(Namespace(**vars(arguments) | {"overrides": others}))

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        teacher, path = _teacher(experiment, folder), folder / "pseudo_labels.csv"
        if self.images is None:
            images, batches = experiment.eval_data()
        else:
            images = _images_in(self.images, experiment.settings.paths.data)
            batches = experiment.eval_batches(images, "unlabelled")
        best, _ = finished_run(folder)
        model = experiment.model(fresh=False)
        model.load_state_dict(best["model"])
        found = predict(model, batches, experiment.precision, what="Labelling")
        check_finite(found)
        task = experiment.task
        sure = confidences(task.spaces, task.probabilities(found.logits))
        teacher.write(path)
        texts = zip(*([f"{value:.6f}" for value in values.tolist()] for values in sure.values()), strict=True)
        ids = [(file, "", *of_image) for file, of_image in zip(images.files, texts, strict=True)]
        write_predictions(path, (FILE, GROUP, *(f"confidence/{name}" for name in sure)), ids, task, found)
        _report(path, task, found, sure, teacher)


def _teacher(experiment: Experiment, folder: Path) -> Teacher:
    """Return what is known of a run, whatever its reader calls the fold that is held out."""
    fold = read_table(folder / "valid_predictions.csv", ("fold",)).rows[0]["fold"]
    split = read_table(folder / "split.csv", ("group", "fold")).rows
    return Teacher(
        run=str(folder),
        commit=read_environment(folder)["commit"],
        config=sha256_of(folder / "config.ini"),
        seed=experiment.settings.run.dealing_seed,
        valid_fold=int(fold),
        held_out=tuple(row["group"] for row in split if row["fold"] == fold),
    )


def _images_in(folder: Path, data: Path) -> EvalDataset:
    """Return every image of a folder, named from the data folder if it lies there, else by its whole path."""
    found = FolderTestDataset(root=folder.parent, task=Task(()), images=folder.name)
    paths, inside = [(folder.parent / file).absolute() for file in found.files], data.absolute()
    files = [(path.relative_to(inside) if path.is_relative_to(inside) else path).as_posix() for path in paths]
    return EvalDataset(root=data, columns=found.columns, ids=found.ids, files=files)


def _report(path: Path, task: Task, found: Predictions, sure: dict[str, Tensor], teacher: Teacher) -> None:
    """Print how many images got each label, and how a run is trained with them."""
    columns = ("label", "images", "mean confidence")
    rows: list[tuple[str | int, ...]] = []
    for name, chosen in task.decide(found.logits).items():
        labels = next(space.labels for space in task.spaces if space.name == name)
        counts = chosen.sum(dim=0)
        means = (chosen * sure[name].unsqueeze(1)).sum(dim=0) / counts
        for index in counts.argsort(descending=True, stable=True)[:_MOST_SHOWN].sort().values.tolist():
            mean = f"{means[index]:.4f}" if counts[index] else "-"
            rows.append((f"{name}/{labels[index]}", int(counts[index]), mean))
        if len(labels) > _MOST_SHOWN:
            rows.append((f"{name}: {len(labels) - _MOST_SHOWN} rarer ones", "", ""))
    weighted = all(space.kind == "one_of" for space in task.spaces)
    log.info(
        "\n%s\n\nPseudo labels: %s (%d images), with %s beside it.\n"
        "Train on them as well, in a run with the same folds, valid_fold = %d and split_seed = %d:\n\n"
        "[pseudo]\nlabels = %s\n%smin_confidence = 0.5",
        format_table(columns, rows), path, len(found.rows), path.with_suffix(".json").name,
        teacher.valid_fold, teacher.seed, path, "weight = 0.5\n" if weighted else "",
    )  # fmt: skip
