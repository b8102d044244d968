"""What every scheduler does: the learning rate as a function of the time trained, in epochs."""

from torch.optim import Optimizer

from utils.registry import Registry


class Scheduler:
    """Sets the rate of each parameter group before every optimiser step.

    A schedule is a pure function of time, so there is no state to save and none to step wrongly.
    """

    def __init__(self, optimizer: Optimizer, steps_per_epoch: int) -> None:
        self.optimizer = optimizer
        self.steps_per_epoch = steps_per_epoch
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])

    def rate(self, base: float, epoch: float) -> float:
        """Return the learning rate at time ``epoch`` (fractions included) for a group's ``base`` rate."""
        raise NotImplementedError

    def set_rates(self, step: int) -> None:
        """Set the rates for the optimiser step number ``step``, counted from 0."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(group["initial_lr"], step / self.steps_per_epoch)


SCHEDULERS: Registry[Scheduler] = Registry(
    "scheduler", "schedulers", runtime=("optimizer", "steps_per_epoch", "epochs")
)
