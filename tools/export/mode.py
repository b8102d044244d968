"""Writes a finished run's model as an ONNX file."""

import logging
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import torch

from experiment.assemble import Experiment
from experiment.features import features_of
from experiment.finished_run import load_weights
from experiment.infer import Infer
from experiment.made_run import refuse_made
from experiment.members import folders_by_fold
from experiment.mode import MODES
from experiment.run_engine import Sample, write_checked_onnx
from inference.engines.onnx_file import need_export_packages
from utils.command import quoted
from utils.device import Precision

log = logging.getLogger("podium")
_EXAMPLE = "docs/use_exported_model.py"
_CROPS = ("WholeImage", "CentreCrop")  # that the example can do


@MODES.register
class Export(Infer):
    """Write model.onnx of a finished run, which needs neither Podium nor PyTorch.

    A run over several folds gets one for each of its members.
    """

    def run(self, arguments: Namespace) -> None:
        need_export_packages()
        # The file is made, and checked, where ONNX Runtime runs.
        super().run(Namespace(**vars(arguments) | {"overrides": [*arguments.overrides, "run.device=cpu"]}))

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        refuse_made(folder, "export its members")
        # The file computes in float32, so nobody's rounding excuses a difference.
        train = replace(experiment.settings.train, eval_precision="float32")
        settings = replace(experiment.settings, train=train)
        exact = Precision(torch.device("cpu"), torch.float32)
        experiment = replace(experiment, settings=settings, precision=exact)
        model = experiment.model(fresh=False)
        for models in folders_by_fold(experiment.settings.run, folder):
            for member in models:
                load_weights(model, experiment, member)
                path = write_checked_onnx(Sample(model, experiment, member, self.outputs.folder(member)))

        crop = experiment.settings.chosen["crop"].name
        if crop in _CROPS:
            log.info("How to use it: python %s %s IMAGE%s ...", _EXAMPLE, quoted(path), _told(experiment))
        else:
            log.warning(
                "[crop] %s is not in the file: give it images that are cropped in the same way. %s refuses "
                "to use it.", crop, _EXAMPLE,
            )  # fmt: skip


def _told(experiment: Experiment) -> str:
    """Return what is said of an image on the command line, for a model that sees columns of a table."""
    features = features_of(experiment.settings)
    return "" if features is None else "".join(f" {quoted(f'{name}=VALUE')}" for name in features.names)
