"""A metric that the team wrote in a file of its own."""

import inspect
import math
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar

import numpy as np

from dataset.metrics.base import METRICS, AnyWeights, Repeated, RepeatedMetric
from dataset.metrics.evidence import Evidence
from utils.convert import Interval
from utils.errors import ConfigError, closest

Score = Callable[[Any, Any], Any]
DrawCount = Annotated[int, Interval(20, 10_000)]
_FORM = "def score(labels, probabilities): ... return 0.5"


@METRICS.register
class FileMetric(RepeatedMetric):
    """The function ``score(labels, probabilities) -> float`` of a file: ``[metric] file = my_metric.py``.

    ``labels`` are 0 or 1, (N, K), one column for each label; ``probabilities`` lie in [0, 1], (N, K). Only
    labelled images are in them. The file may import what it likes; its name is the score's.

    Args:
        file: the file, from the working folder.
        higher_is_better: no, where less is better, as with an error.
        draws: of a bootstrap, at most; fewer where there are many images and labels.
    """

    needs = "probabilities"
    on_parts = False
    calibrated = True  # nobody knows, so what may help is tried
    most_work: ClassVar[int] = 20_000_000

    def __init__(self, *, file: Path, higher_is_better: bool = True, draws: DrawCount = 200) -> None:
        self.file, self.higher_is_better, self.draws = file, higher_is_better, draws
        self.fewest_draws = min(50, draws)  # type: ignore[misc]
        self.name = file.stem
        self._score = _function(file)

    def scores(self, labels: Sequence[str], kind: str) -> bool:
        return False  # it was written for one question

    def prepared(self, evidence: Evidence) -> Repeated:
        known = evidence.known
        labels = evidence.marks.astype(np.int64)
        probabilities = evidence.probabilities[known]

        def score(weights: AnyWeights) -> float:
            if weights is None:
                return self._called(labels, probabilities)
            rows = np.repeat(np.arange(len(known)), weights[known].astype(np.int64))
            try:
                # A draw may lack a label, of which a score may say nothing.
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return self._called(labels[rows], probabilities[rows])
            except ConfigError:
                return math.nan

        return score

    def statistic(self, evidence: Evidence) -> Any:
        statistic = super().statistic(evidence)
        statistic.most_draws = min(statistic.most_draws, self.draws)  # type: ignore[attr-defined]
        return statistic

    def _called(self, labels: Any, probabilities: Any) -> float:
        """Return what the function says.

        Raises:
            ConfigError: it fails, or returns something else than a finite number.
        """
        try:
            value = self._score(labels, probabilities)
        except Exception as error:
            raise ConfigError(f"[metric] file = {self.file}: {_where(error, self.file)}") from error

        if isinstance(value, bool) or not isinstance(value, Real):
            shown = repr(value)[:60]
            raise ConfigError(
                f"[metric] file = {self.file}: score(labels, probabilities) returned {shown}, a "
                f"{type(value).__name__}, and no float: end it with return float(...)."
            )
        if not math.isfinite(value):
            raise ConfigError(
                f"[metric] file = {self.file}: score(labels, probabilities) returned {value} for "
                f"{len(labels)} images: return a finite number, also where a label is on no image."
            )
        return float(value)


def _function(file: Path) -> Score:
    """Return the function of a file.

    Raises:
        ConfigError: there is no file, it can't be run, or its function takes something else.
    """
    module = _module(file)
    function = getattr(module, "score", None)
    if not inspect.isfunction(function):
        names = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        near = closest("score", names) or next(iter(names), None)
        hint = f" Is it {near!r}? Rename it." if near else ""
        raise ConfigError(f"[metric] file = {file}: there is no function score.{hint} Write {_FORM}")

    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        line = function.__code__.co_firstlineno
        raise ConfigError(
            f"[metric] file = {file}, line {line}: score{inspect.signature(function)} can't be called with "
            f"(labels, probabilities). Write {_FORM}"
        ) from None
    return function


def _module(file: Path) -> ModuleType:
    if not file.is_file():
        raise ConfigError(
            f"[metric] file = {file}: there is no such file in {Path.cwd()}. Write {_FORM} in it."
        )
    # Compiled here, so that no file is left beside it, and none from before stands for it.
    module = ModuleType(f"podium_metric_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        exec(compile(file.read_bytes(), str(file), "exec"), vars(module))
    except Exception as error:
        raise ConfigError(f"[metric] file = {file}: {_where(error, file)}") from error
    return module


def _where(error: Exception, file: Path) -> str:
    """Return the line of the file in which something failed, and what it was."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno} is no Python: {error.msg}."
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == file.resolve()
    ]
    what = f"{type(error).__name__}: {error}"
    return f"line {lines[-1]}: {what}" if lines else what
