"""Shows what views of test-time augmentation gain, on images that no asked model was trained on."""

import logging
from pathlib import Path
from typing import Any

from dataset.readers.base import DATASETS, whose
from experiment.allowed_moves import build_views, every_view, mean_of_views
from experiment.ask_again import MeansOfViews, ask_again
from experiment.assemble import Experiment
from experiment.infer import Infer
from experiment.made_run import refuse_made
from experiment.mode import MODES
from experiment.score_words import heading
from inference.bootstrap import Difference, differences
from inference.views.mean_of_views import ALL, NONE
from utils.durable import write_json
from utils.errors import ConfigError
from utils.metrics import in_words
from utils.text_table import format_table

log = logging.getLogger("podium")
NAME = "views.json"


@MODES.register
class Views(Infer):
    """Print what the views in [infer], or all of them, gain on the images that a finished run validated.

    Each image is predicted by models that were not trained on it: of a run over several folds each member
    predicts its own fold.
    """

    def _predict(self, experiment: Experiment, folder: Path) -> None:
        refuse_made(folder, "ask a member")
        settings, task, prepared = experiment.settings, experiment.task, experiment.prepare.size
        views = build_views(settings, task, prepared)
        if not views:
            views, left_out = every_view(settings, task, prepared)
            log.info("%s", "\n".join(f"Left out: {why}" for why in left_out))
        if not views:
            raise ConfigError("This run's task forbids every view.")

        model = experiment.model(fresh=False)
        answers = ask_again(experiment, folder, model, mean_of_views(model, views, settings, task))
        scorers = {
            mean: task.scorer(predictions.logits, predictions.targets)
            for mean, predictions in answers.means.items()
        }
        gains = {mean: differences(scorers[NONE], scorers[mean], answers.groups) for mean in scorers}

        words = DATASETS.get(settings.chosen["dataset"].name).group_words
        called = whose(answers.groups, words)[1]
        belong = "" if called == "images" else f" of {len(set(answers.groups))} {called}"
        tables = [_table(heading(task, score), score, answers, gains) for score in task.main_scores]
        log.info(
            "\n%d images%s, each predicted by models that were not trained on it; the mean of %s:"
            "\n\n%s\n\nTo take the best of these rows is to tune on these images: it gains less on others."
            "\n%s",
            len(answers.groups), belong, _averaged(experiment), "\n\n".join(tables),
            _advice(task.main_scores[0], list(views), gains),
        )  # fmt: skip

        scores = {mean: _scores(task.main_scores, of_scores) for mean, of_scores in gains.items()}
        path = self.outputs.folder(folder) / NAME
        write_json(path, {"average": settings.infer.average, "views": scores})
        log.info("Written: %s", path)


def _averaged(experiment: Experiment) -> str:
    """Return what the mean over views is of."""
    numeric = [space.numeric for space in experiment.task.spaces]
    average = experiment.settings.infer.average
    return "numbers" if all(numeric) else f"{average} and of numbers" if any(numeric) else average


def _table(head: str, score: str, answers: MeansOfViews, gains: dict[str, dict[str, Difference]]) -> str:
    rows: list[tuple[str | int, ...]] = []
    change = "gain" if gains[NONE][score].direction > 0 else "change"
    for mean, of_scores in gains.items():
        gain = of_scores[score]
        cells = ("", "", "")
        if mean != NONE:
            interval = f"[{gain.between.low:+.4f}, {gain.between.high:+.4f}]"
            cells = (f"{gain.value:+.4f}", interval, f"{gain.better:.1%}")
        rows.append((mean, answers.images[mean], f"{gain.b:.4f}", str(gain.of_b), *cells))
    return format_table(("views", "images", head, "95 %", change, "95 %", "better"), rows)


def _advice(score: str, views: list[str], gains: dict[str, dict[str, Difference]]) -> str:
    """Return which row to use, if one is better than the images alone by more than noise."""
    of_score = {mean: of_scores[score] for mean, of_scores in gains.items() if mean != NONE}
    certain = {mean: gain for mean, gain in of_score.items() if gain.verdict > 0}
    if not certain:
        return f"None of them gains {in_words(score)} beyond noise: predict without views."
    best = max(certain, key=lambda mean: certain[mean].value * certain[mean].direction)
    return (
        f"Of those that gain {in_words(score)} beyond noise {best} gains most:\n"
        f"[infer]\nviews = {', '.join(views) if best == ALL else best}"
    )


def _scores(names: tuple[str, ...], gains: dict[str, Difference]) -> dict[str, Any]:
    """Return scores and gains, each with the ends of its interval, for ``views.json``."""
    return {name: _score(gains[name]) for name in names}


def _score(gain: Difference) -> dict[str, Any]:
    return {
        "score": gain.b,
        "interval": [gain.of_b.low, gain.of_b.high],
        "gain": gain.value,
        "interval of the gain": [gain.between.low, gain.between.high],
    }
