"""The run as TensorBoard shows it: curves, confusion matrices, mistakes, augmented images, the config."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import cv2

from dataset.augmentation.base import Augmenter
from dataset.batches import TrainBatches
from dataset.tasks.base import Task
from train.behind import Behind, pays
from train.callbacks.base import CALLBACKS, Callback
from train.callbacks.events import Events, points_in
from train.callbacks.hparams import HParamsRow
from train.monitor import Monitor
from train.pictures.budget import SHARE, DrawingBudget
from train.pictures.drawing import Picture
from train.pictures.epoch import SMALL, epoch_pictures
from train.pictures.sheets import curves_picture, image_sheet
from train.state import TrainState
from train.validator import Validator
from utils.convert import Count, Few
from utils.metrics import in_words
from utils.shortened import MOST

log = logging.getLogger("podium")
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # a tenth larger, in a third of the time


@CALLBACKS.register
class TensorBoard(Callback):
    """Look at a run with ``tensorboard --logdir runs``.

    Drawing takes at most a tenth of the time: an epoch's pictures are left out where it would be more, those
    of the last one never. Beside a GPU they are drawn while it trains, unless the last ones are not done yet.

    Args:
        every_steps: optimiser steps between two points of the training loss and the learning rate.
        worst: how many of the worst mistakes are shown.
        sheet: how many augmented training images are shown at the start.
    """

    def __init__(
        self,
        *,
        folder: Path,
        task: Task,
        validator: Validator,
        batches: TrainBatches,
        augmenter: Augmenter,
        config_text: str,
        config_values: Mapping[str, str],
        monitor: Monitor,
        epochs: int,
        every_steps: Count = 20,
        worst: Few = 24,
        sheet: Few = 32,
    ) -> None:
        self.folder, self.task, self.validator = folder / "tensorboard", task, validator
        self.batches, self.augmenter, self.config_text = batches, augmenter, config_text
        self.epochs = epochs
        self._row = HParamsRow(self.folder, config_values, (*task.main_scores, "loss"), monitor)
        self.every_steps, self.worst, self.sheet = every_steps, worst, sheet
        # A number has no labels. Those of mask, gender and age fit into one chart, the 18 classes do not.
        labels = {name: names for name, names in task.questions.items() if not task.space_of(name).numeric}
        self._questions = [name for name, names in labels.items() if len(names) <= SMALL]
        self._many = [name for name, names in labels.items() if len(names) > MOST]
        self._before = (0, 0.0)  # batches and their loss at the last point
        self._budget = DrawingBudget()
        self._drawn, self._skipped = 0, 0  # the last epoch with pictures, and how many have none
        self._drawing = Behind()
        self._beside = False  # the steps

    @property
    def at_end(self) -> float:
        """The seconds that the last epoch's pictures take, where those of the epochs before took none."""
        return self._budget.expected if self._skipped or self._beside else 0.0

    def on_fit_start(self, state: TrainState) -> None:
        self._budget, self._beside = DrawingBudget(), pays(state.loss_sum.device)
        with self._budget.spending():
            self._begin(state)
        self._drawn = state.epoch
        if self._many:
            log.info(
                "TensorBoard shows no F1 of each label of %s, which has more than %d: they are in "
                "metrics.jsonl.",
                ", ".join(self._many), MOST,
            )  # fmt: skip

    def _begin(self, state: TrainState) -> None:
        missing = state.step > 0 and self._lacks_last_epoch(state)
        # purge_step hides what a killed run had written beyond the checkpoint that is resumed; what it
        # wrote at the checkpoint's own step is not written again.
        self._writer = Events(self.folder, purge_step=state.step + 1 if state.step else 0)
        self._before = (state.batch, float(state.loss_sum))
        if state.step:
            if missing:
                self._add_scores(state)
            return
        self._writer.add_custom_scalars(self._layout())
        self._writer.add_text("config.ini", f"```ini\n{self.config_text}\n```")
        self._show("training images, augmented", self._augmented(), 0)

    def on_epoch_start(self, state: TrainState) -> None:
        self._before = (state.batch, float(state.loss_sum))

    def on_step_end(self, state: TrainState) -> None:
        if state.step % self.every_steps == 0 and state.batch > self._before[0]:
            batches, loss = self._before
            now = float(state.loss_sum)
            self._writer.add_scalar("step/train loss", (now - loss) / (state.batch - batches), state.step)
            self._writer.add_scalar("step/lr", state.rate, state.step)
            self._before = (state.batch, now)

    def on_epoch_kept(self, state: TrainState) -> None:
        self._add_scores(state)
        self._row.update(state)
        if state.predictions is not None:
            if state.epoch == self.epochs or (self._budget.allows() and not self._drawing.busy):
                self._draw(state)
            else:
                self._skipped += 1
        self._writer.flush()

    def on_fit_end(self, state: TrainState) -> None:
        # Not where it stopped inside an epoch, or where the last one was drawn.
        if state.predictions is not None and state.batch == 0 and state.epoch > self._drawn:
            self._draw(state)
            self._skipped -= 1
        self._drawing.wait()
        if self._skipped:
            log.info(
                "TensorBoard: the pictures of %d epoch%s were left out, since drawing is to take at most "
                "%.0f %% of the time.", self._skipped, "s" if self._skipped > 1 else "", 100 * SHARE,
            )  # fmt: skip
        self._row.close(complete=state.batch == 0 and (state.epoch == self.epochs or state.should_stop))
        self._writer.close()

    def _add_scores(self, state: TrainState) -> None:
        for name, value in state.history[-1].items():
            if name not in ("epoch", "seconds") and name.partition("/f1/")[0] not in self._many:
                self._writer.add_scalar(_tag(name), value, state.step)

    def _lacks_last_epoch(self, state: TrainState) -> bool:
        """Tell whether the run was killed between an epoch's checkpoint and its points in the curves."""
        if state.batch or not state.history or state.history[-1]["epoch"] != state.epoch:
            return False
        return (state.step, _tag("train_loss")) not in points_in(self.folder)

    def _draw(self, state: TrainState) -> None:
        self._drawn = state.epoch
        if self._beside:
            self._drawing.start(partial(self._show_all, state))
        else:
            with state.watch.time("pictures", on_device=False):
                self._show_all(state)

    def _show_all(self, state: TrainState) -> None:
        with self._budget.spending(pictures=True):
            for name, picture in self._pictures(state):
                self._show(name, picture, state.step)

    def _show(self, name: str, picture: Picture, step: int) -> None:
        height, width, _ = picture.shape
        _, coded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), _FAST)
        self._writer.add_png(name, coded.tobytes(), (height, width), step)

    def _layout(self) -> dict[str, dict[str, list[object]]]:
        charts: dict[str, list[object]] = {
            in_words(name): ["Multiline", [_tag(name), _tag(f"train_{name}")]]
            for name in self.task.main_scores
        }
        charts["loss"] = ["Multiline", [_tag("loss"), _tag("train_loss")]]
        if labels := [_tag(name) for name in self._label_f1s()]:
            charts["F1 of each label"] = ["Multiline", labels]
        return {"Scores": charts}

    def _label_f1s(self) -> list[str]:
        """Return the names of the labels' F1 scores that are shown together."""
        return [f"{view}/f1/{label}" for view in self._questions for label in self.task.questions[view]]

    def _augmented(self) -> Picture:
        batch = next(self.batches.epoch(0))
        images = batch.images[: self.sheet].cpu()  # where the targets are, also if a GPU holds the store
        targets = {name: values[: self.sheet] for name, values in batch.targets.items()}
        mixed, mixed_targets = self.augmenter(images, targets, epoch=0, batch=0, time=0.0)
        shown = (mixed * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        return image_sheet(shown, self.task.captions(mixed_targets), "What the model trains on")

    def _pictures(self, state: TrainState) -> Iterator[tuple[str, Picture]]:
        if state.predictions is not None:
            yield from epoch_pictures(self.task, state.predictions, self.validator, self.worst)
        if names := self._label_f1s():
            curves = {name.replace("/f1/", " "): [entry[name] for entry in state.history] for name in names}
            yield "F1 of each label", curves_picture(curves, "F1 of each label on the validation images")


def _tag(name: str) -> str:
    """Return the tag of a score; TensorBoard groups tags by what stands before the first slash."""
    if "/f1/" in name:
        return name.replace("/f1/", " f1/")
    return name if "/" in name else f"epoch/{name}"
