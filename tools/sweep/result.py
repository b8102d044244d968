"""What a sweep leaves: its trials as a table, the best config, pictures, and a summary for people."""

import logging
import statistics
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.run_folder import CONFIG
from inference.scores_file import read_scores
from tools.sweep.picture import history_picture, importance_picture
from tools.sweep.study import Study
from utils.command import podium
from utils.durable import write_bytes, write_json, write_text
from utils.errors import PodiumError
from utils.metrics import in_words
from utils.tables import write_table
from utils.text_table import format_table

log = logging.getLogger("podium")
BEST, RESULT, TRIALS = "best.ini", "result.json", "trials.csv"
_SHOWN = 5  # trials on the terminal
_MATTERS = 0.1  # of the spread of the scores


@dataclass(frozen=True, slots=True)
class Winner:
    """One of the best trials.

    Attributes:
        score: its score in the sweep, for which it was chosen: too high on average.
        others: its scores with other seeds.
        diverged: with how many seeds it has none, since its loss was no number any more.
    """

    number: int
    score: float
    others: tuple[float, ...]
    diverged: int = 0

    @property
    def mean(self) -> float:
        """The mean over all seeds, by which the best one is chosen."""
        return statistics.fmean((self.score, *self.others))


def ranked(study: Study) -> list[Any]:
    """Return the finished trials, best first."""
    complete = [trial for trial in study.trials() if trial.state.name == "COMPLETE"]
    return sorted(complete, key=lambda trial: (-trial.value, trial.number))


def write_result(
    folder: Path,
    study: Study,
    keys: Sequence[str],
    values: Mapping[int, Mapping[str, str]],
    winners: Sequence[Winner],
    metric: str,
) -> None:
    """Write the files of a sweep that has ended, and print the five best.

    Args:
        keys: of the space.
        values: what each trial had, by number.
    """
    trials = study.trials()
    _write_trials(folder, trials, values, keys)
    scores = [_score(trial) for trial in trials]
    pruned = [trial.state.name != "COMPLETE" for trial in trials]
    write_bytes(folder / "history.png", history_picture(scores, pruned, in_words(metric)))
    importance = _importance(study)
    if importance:
        write_bytes(folder / "importance.png", importance_picture(importance))
    if not winners:
        log.warning("No trial finished: see why in %s.", folder / TRIALS)
        return

    best = max(winners, key=lambda winner: (-winner.diverged, winner.mean, -winner.number))
    trained = folder / f"trial-{best.number:03d}"
    train = podium("--config", folder / BEST, "--folds", "all")
    text = (trained / CONFIG).read_text(encoding="utf-8")
    write_text(folder / BEST, f"# Trial {best.number} of a sweep. With all folds: {train}\n{text}")
    write_json(
        folder / RESULT,
        {
            "metric": metric,
            "best": best.number,
            "values": dict(values[best.number]),
            "score": best.score,
            "scores_of_other_seeds": list(best.others),
            "mean": best.mean,
            "importance": importance,
        },
    )
    _print(folder, winners, best, values, ranked(study), metric)
    _print_importance(importance)
    log.info("\nTable: %s\nBest:  %s\nTrain it with all folds: %s", folder / TRIALS, folder / BEST, train)


def _write_trials(
    folder: Path, trials: Sequence[Any], values: Mapping[int, Mapping[str, str]], keys: Sequence[str]
) -> None:
    rows = [
        [
            trial.number,
            trial.state.name.lower(),
            "" if (score := _score(trial)) is None else score,
            len(trial.intermediate_values),
            "" if trial.duration is None else round(trial.duration.total_seconds(), 1),
            trial.user_attrs.get("why", ""),
            *(values.get(trial.number, {}).get(key, "") for key in keys),
        ]
        for trial in trials
    ]
    write_table(folder / TRIALS, ("trial", "state", "score", "epochs", "seconds", "why", *keys), rows)


def _score(trial: Any) -> float | None:
    if trial.state.name == "COMPLETE":
        return float(trial.value)
    steps = trial.intermediate_values
    return float(steps[max(steps)]) if steps else None


def _importance(study: Study) -> dict[str, float]:
    """Return which share of the scores' spread each key explains; of too few trials nothing."""
    importance = study.optuna.importance
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is experimental
        try:
            evaluator = importance.PedAnovaImportanceEvaluator()
            return dict(importance.get_param_importances(study.study, evaluator=evaluator))
        except (ValueError, RuntimeError):
            return {}


def _print(
    folder: Path,
    winners: Sequence[Winner],
    best: Winner,
    values: Mapping[int, Mapping[str, str]],
    trials: Sequence[Any],
    metric: str,
) -> None:
    winner_of = {winner.number: winner for winner in winners}
    rows: list[tuple[str | int, ...]] = []
    for trial in trials[:_SHOWN]:
        winner = winner_of.get(trial.number)
        mean = f"{winner.mean:.4f} of {1 + len(winner.others)}" if winner and winner.others else "-"
        mean += f", {winner.diverged} diverged" if winner and winner.diverged else ""
        shown = "; ".join(f"{key} = {value}" for key, value in values[trial.number].items())
        interval = _interval(folder / f"trial-{trial.number:03d}", metric)
        rows.append((f"{trial.number:03d}", f"{trial.value:.4f}", interval, mean, shown))

    columns = ("trial", in_words(metric), "95 %", "mean over seeds", "values")
    log.info("\n%s", format_table(columns, rows))
    also = (
        f", for which it was chosen, and {best.mean:.4f} on average over {1 + len(best.others)} seeds"
        if best.others
        else ", for which it was chosen: expect less of other seeds"
    )
    log.info("\nBest: trial %03d. %s %.4f in the sweep%s.", best.number, in_words(metric), best.score, also)


def _interval(folder: Path, metric: str) -> str:
    try:
        low, high = read_scores(folder).get("intervals", {})[metric]
    except (PodiumError, KeyError):
        return "-"
    return f"[{low:.3f}, {high:.3f}]"


def _print_importance(importance: Mapping[str, float]) -> None:
    parts = [
        f"{key} {'matters' if share >= _MATTERS else 'does not'} ({share:.2f})"
        for key, share in importance.items()
    ]
    if parts:
        log.info("%s", ", ".join(parts))
