"""The run as TensorBoard shows it: curves, confusion matrices, mistakes, augmented images, the config."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataset.augment import Augmenter
from dataset.batches import TrainBatches
from dataset.task import Task
from train.callback import CALLBACKS, Callback
from train.events import Events, points_in
from train.state import TrainState
from train.validator import Validator
from utils.convert import Count
from utils.metrics import in_words

_SMALL = 6  # labels: matrices up to this size share one picture
_LARGE = 40  # of more than that, a picture shows those that are confused most often


@CALLBACKS.register
class TensorBoard(Callback):
    """Look at a run with ``tensorboard --logdir runs``.

    Args:
        every_steps: optimiser steps between two points of the training loss and the learning rate.
        worst: how many of the worst mistakes are shown after each epoch.
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
        every_steps: Count = 20,
        worst: Count = 24,
        sheet: Count = 32,
    ) -> None:
        self.folder, self.task, self.validator = folder / "tensorboard", task, validator
        self.batches, self.augmenter, self.config_text = batches, augmenter, config_text
        self.every_steps, self.worst, self.sheet = every_steps, worst, sheet
        # The questions whose labels fit into one chart: mask, gender and age, not the 18 classes.
        self._views = [view for view, labels in task.views.items() if len(labels) <= _SMALL]
        self._before = (0, 0.0)  # batches and their loss at the last point

    def on_fit_start(self, state: TrainState) -> None:
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
        self._writer.add_image("training images, augmented", self._augmented(), 0, dataformats="HWC")

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
        for name, picture in self._pictures(state):
            self._writer.add_image(name, picture, state.step, dataformats="HWC")
        self._writer.flush()

    def on_fit_end(self, state: TrainState) -> None:
        self._writer.close()

    def _add_scores(self, state: TrainState) -> None:
        for name, value in state.history[-1].items():
            if name not in ("epoch", "seconds"):
                self._writer.add_scalar(_tag(name), value, state.step)

    def _lacks_last_epoch(self, state: TrainState) -> bool:
        """Tell whether the run was killed between an epoch's checkpoint and its points in the curves."""
        if state.batch or not state.history or state.history[-1]["epoch"] != state.epoch:
            return False
        return (state.step, _tag("train_loss")) not in points_in(self.folder)

    def _layout(self) -> dict[str, dict[str, list[object]]]:
        labels = [_tag(name) for name in self._label_f1s()]
        return {
            "Scores": {
                **{
                    in_words(name): ["Multiline", [_tag(name), _tag(f"train_{name}")]]
                    for name in self.task.main_scores
                },
                "loss": ["Multiline", [_tag("loss"), _tag("train_loss")]],
                "F1 of each label": ["Multiline", labels],
            }
        }

    def _label_f1s(self) -> list[str]:
        """Return the names of the labels' F1 scores that are shown together."""
        return [f"{view}/f1/{label}" for view in self._views for label in self.task.views[view]]

    def _augmented(self) -> NDArray[np.uint8]:
        from train.figures import image_sheet

        batch = next(self.batches.epoch(0))
        images = batch.images[: self.sheet].cpu()  # where the targets are, also if a GPU holds the store
        targets = {name: values[: self.sheet] for name, values in batch.targets.items()}
        mixed, mixed_targets = self.augmenter(images, targets, epoch=0, batch=0, time=0.0)
        shown = (mixed * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        return image_sheet(shown, self.task.captions(mixed_targets), "What the model trains on")

    def _pictures(self, state: TrainState) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        from train.figures import confusion_picture, curves_picture, image_sheet

        found = state.predictions
        if found is None:
            return
        choices = self.task.decide(found.logits)
        confusions = self.task.confusions(choices, found.targets)
        small = [pair for pair in confusions.items() if len(pair[1].labels) <= _SMALL]
        if small:
            yield "confusion/" + ", ".join(name for name, _ in small), confusion_picture(small)
        for name, confusion in confusions.items():
            if len(confusion.labels) > _SMALL:
                yield f"confusion/{name}", confusion_picture([(name, confusion.most_confused(_LARGE))])
        if names := self._label_f1s():
            curves = {name.replace("/f1/", " "): [entry[name] for entry in state.history] for name in names}
            yield "F1 of each label", curves_picture(curves, "F1 of each label on the validation images")
        worst = self.task.mistakes(found.logits, found.targets)[: self.worst]
        if len(worst):
            images = self.validator.batches.source.batch(found.rows[worst])
            true = self.task.captions({name: t[worst] for name, t in found.targets.items()})
            said = self.task.captions({name: c[worst] for name, c in choices.items()})
            captions = [f"{t}\npredicted {s}" for t, s in zip(true, said, strict=True)]
            shown = images.permute(0, 2, 3, 1).cpu().numpy()
            yield (
                "worst mistakes",
                image_sheet(shown, captions, "True label, and what was predicted"),
            )


def _tag(name: str) -> str:
    """Return the tag of a score; TensorBoard groups tags by what stands before the first slash."""
    if "/f1/" in name:
        return name.replace("/f1/", " f1/")
    return name if "/" in name else f"epoch/{name}"
