"""Keeps a run inside its time: plans it after its first steps, and again whenever a part of it is over."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.predict import Predictions
from train.callbacks.base import Callback
from train.monitor import Monitor
from train.state import TrainState
from train.trainer import Trainer
from utils.pace import Plan
from utils.run_turns import turns

log = logging.getLogger("podium")
LEAD = 4  # steps that are measured before there is a plan; the first of them says nothing
_PARTS = 240  # of a run, about: how often it is planned again
_SHARE = 0.25  # of the time that may go into validating, as planned; up to twice as much as it turns out
# Of the last validation and the end, which nobody can shorten: while it is guessed, and when it was measured.
DOUBT, _LESS_DOUBT = 0.5, 0.3
_MOST = 3.0  # times as long as guessed: what the end may take, if epochs' ends did


def blank_plan(epochs: int, accumulate: int) -> Plan:
    """Return the plan of a run before its first step."""
    return Plan.blank(epochs, parts=math.ceil(_PARTS / epochs), lead=LEAD * accumulate)


def follow(trainer: Trainer, plan: Plan) -> None:
    """Let a run have the epochs of a plan."""
    trainer.state.plan = trainer.batches.pace = plan
    trainer.validator.due = plan.validates


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured before the first step, in seconds.

    Attributes:
        image: one image through the model, without its gradient.
        validation: from the last step of a validated epoch to the first of the next one.
        end: from the end of training to that of the process, or to the next run's start.
    """

    image: float
    validation: float
    end: float


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a run has to be complete, and ``now``: both in seconds since the process's start."""

    seconds: float
    now: Callable[[], float]


class TimeKeeper(Callback):
    """Deals the time that is left evenly to the parts of the run that are left.

    So a run's schedule moves with the clock: a machine that gets slower makes fewer steps in each part, and
    the learning rate comes down all the same. It is called before any other callback, which then all see the
    same plan.

    Attributes:
        best: the predictions of the best epoch, if that was in this process.

    Args:
        others: the run's other callbacks.
        keep: writes the plan down.
        sizes: pixels of the images in equal parts of the run; a step on larger ones takes longer, but does
            not say that the machine has become slower.
        resumed: the run may have a plan already, which then gets no longer.
    """

    def __init__(
        self,
        plan: Plan,
        costs: Costs,
        deadline: Deadline,
        *,
        accumulate: int,
        monitor: Monitor,
        others: Sequence[Callback],
        keep: Callable[[Plan], None],
        resumed: bool,
        sizes: Sequence[int] = (1,),
    ) -> None:
        self.plan, self.costs, self.deadline, self.accumulate = plan, costs, deadline, accumulate
        self.monitor, self.others, self.keep, self.resumed = monitor, others, keep, resumed
        self.sizes = sizes
        self.best: Predictions | None = None
        self._step = _Mean(halving=max(1.0, 0.03 * deadline.seconds))
        self._pixel = _Mean(self._step.halving)
        self._usual = 0.0  # seconds of a step, for each pixel, when the costs were measured
        self._factor, self._doubt = 1.0, DOUBT  # of the end of an epoch: measured over expected
        self._mark, self._batch = 0.0, 0  # when steps were counted last, and the batches done then
        self._waited = 0.0  # for other runs, until then
        self._ended: int | None = None  # the epoch whose end is being measured

    def on_epoch_start(self, state: TrainState) -> None:
        now = self.deadline.now()
        if self._ended is not None and (expected := self._ending(self._ended)):
            self._factor *= (now - self._mark) / expected
            self._usual, self._doubt = self._pixel.value, _LESS_DOUBT
        self._mark, self._batch, self._ended = now, state.batch, None
        self._waited = turns.waited

    def on_step_end(self, state: TrainState) -> None:
        now, done = self.deadline.now(), state.batch - self._batch
        if state.step == 1:
            self._mark, self._batch = now, state.batch
            self._waited = turns.waited

        part = self.plan.part_from(state.epoch, state.batch)
        if part is None:
            return

        self._step.note(now - self._mark, done / self.accumulate)
        # Waiting for a turn makes steps rarer, not slower, and what ends an epoch needs none.
        busy = now - self._mark - (turns.waited - self._waited)
        self._pixel.note(busy, done / self.accumulate * self._size(part - 1))
        self._usual = self._usual or self._pixel.value
        self._mark, self._batch, self._waited = now, state.batch, turns.waited

        first = not any(self.plan.batches)
        if part < len(self.plan.batches):
            self._deal(state, part, now)
        if first:
            self.keep(self.plan)
            log.info(self._line(now))
        if state.batch == self.plan.count(state.epoch):
            self._ended = state.epoch

    def on_epoch_end(self, state: TrainState) -> None:
        if self.monitor.best(state.history) == len(state.history) - 1:
            self.best = state.predictions
        self.keep(self.plan)

    def on_fit_end(self, state: TrainState) -> None:
        self.keep(self.plan)

    def _deal(self, state: TrainState, part: int, now: float) -> None:
        """Plan the parts from one on for the time that is left, or end the run there."""
        plan = self.plan
        epochs = len(plan.validated) - part / plan.parts  # that are left

        # What can't be shortened gets slower with the machine.
        slower = max(1.0, self._pixel.value / self._usual)
        end = self.costs.end * min(_MOST, max(1.0, self._factor)) + sum(
            callback.at_end for callback in self.others
        )
        last = end + self._ending(len(plan.validated) - 1)
        seconds = self.deadline.seconds - now - slower * (end + self._doubt * last)

        self._thin_out(state, part, seconds / slower)
        before = slower * sum(map(self._ending, range(state.epoch, part // plan.parts)))
        after = slower * sum(map(self._ending, range(part // plan.parts, len(plan.validated))))
        steps = int((seconds - before - after) / self._step.value)

        if self.resumed and (planned := sum(plan.batches[part:])):
            steps = min(steps, planned // self.accumulate)
        if steps < epochs and seconds - before < self._step.value + slower * (last - end):
            log.warning("The time limit leaves no time for another step: the run ends here.")
            plan.validated[state.epoch] = True
            steps = 0
        else:  # one step an epoch at least: the machine may get faster again
            steps = max(steps, math.ceil(epochs))
        plan.deal(part, steps, self.accumulate)

    def _size(self, part: int) -> int:
        return self.sizes[max(0, part) * len(self.sizes) // len(self.plan.batches)]

    def _thin_out(self, state: TrainState, part: int, seconds: float) -> None:
        """Validate less often where it would take too much of the time."""
        plan, epochs = self.plan, len(self.plan.validated)
        first = part // plan.parts  # an epoch that is trained already keeps what was said of it
        share = _SHARE if not any(plan.batches) else 2 * _SHARE
        for every in range(1, epochs - first + 1):
            if sum(map(self._ending, range(state.epoch, epochs))) <= share * seconds:
                break
            for epoch in range(first, epochs):
                plan.validated[epoch] = (epochs - 1 - epoch) % every == 0

    def _ending(self, epoch: int) -> float:
        """Return the seconds between the last step of an epoch and what comes after it, as usual."""
        validated = self.plan.validated[epoch]
        images = sum(other.extra_images(epoch, validated=validated) for other in self.others)
        return self._factor * (images * self.costs.image + validated * self.costs.validation)

    def _line(self, now: float) -> str:
        """Return the plan in words."""
        plan, costs, epochs = self.plan, self.costs, len(self.plan.validated)
        return (
            f"Time limit: {now:.1f} of {self.deadline.seconds:.1f} s are over. A step takes about "
            f"{self._step.value:.3f} s, a validation {costs.validation:.1f} s, the end {costs.end:.1f} s. "
            f"{epochs} epochs of about {round(sum(plan.batches) / epochs)} batches, {sum(plan.validated)} of "
            "them validated."
        )


class _Mean:
    """A mean of seconds a step, in which what is ``halving`` seconds old counts half."""

    def __init__(self, halving: float) -> None:
        self.halving, self._seconds, self._steps = halving, 0.0, 0.0

    @property
    def value(self) -> float:
        return self._seconds / self._steps

    def note(self, seconds: float, steps: float) -> None:
        """Take in what some steps took."""
        kept = 0.5 ** (seconds / self.halving)
        self._seconds, self._steps = self._seconds * kept + seconds, self._steps * kept + steps
