"""The time of a sweep: whether another run fits into what is left of it."""

import math
from dataclasses import dataclass

from tools.sweep.study import Study
from train.time_limit.clock import since_start

_SPARE = 2.0, 0.02  # seconds, and of the whole
_ENDS = 2.5  # times what a picture takes: to write the result and to end, however busy the machine is
_WORKERS_END = 1.5  # and for workers to end before that
_MARGIN = 1.25, 1.0  # of the longest trial so far, and seconds


@dataclass(frozen=True, slots=True)
class Budget:
    """Until when trials may be trained.

    Args:
        end: in seconds since the process's start; None = there is no limit.
        run: the seconds that each run takes, where its config says so: [train] time_limit.
        repeats: how many runs are kept for the best trials with other seeds.
        workers: how many processes share these.
    """

    end: float | None = None
    run: float = 0.0
    repeats: int = 0
    workers: int = 1

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be trained."""
        return self.end is not None and since_start() >= self.end

    def has_room(self, study: Study, *, repeats: bool) -> bool:
        """Tell whether a run can begin; ``repeats``: and the best trials be repeated after it."""
        if self.end is None:
            return True
        rounds = 1 + (math.ceil(self.repeats / self.workers) if repeats else 0)
        longest = study.longest()
        needed = max(self.run, longest and _MARGIN[0] * longest + _MARGIN[1])
        return not self.is_over and since_start() + rounds * needed <= self.end


def end_of_trials(limit: float, picture: float, workers: int) -> float:
    """Return when the last run of a sweep has to be over, so that all of it is complete in time.

    Args:
        limit: of the whole, seconds since the process's start, as what is returned.
        picture: the seconds that a picture takes here and now.
        workers: processes that train.
    """
    ends = _ENDS + (_WORKERS_END if workers > 1 else 0.0)
    return limit - _SPARE[0] - _SPARE[1] * limit - ends * picture
