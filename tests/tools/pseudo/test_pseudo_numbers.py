"""Numbers that a finished run has found, for another run to train on: from a table to what is trained on."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from experiment.assemble import Experiment
from experiment.read_settings import read_sections, settings_from
from run import main
from tests import test_run_cases as cases
from tests.digits import digits, write_csv, write_images
from tests.mixed import CONFIG
from utils.errors import DataError
from utils.read_json import read_json

UNKNOWN = 30  # images that nobody has labelled


def podium(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), *arguments])


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def competition(work: Path, task: str, loss: str) -> Path:
    """Return a config: how much lighter than usual a digit is, a number below 0 too, and which parity."""
    images, found = digits()
    ink = images.reshape(len(images), -1).mean(axis=1) / 2.55 - 32
    data = work / "data"
    names = write_images(data / "train", images[:90])
    rows = [[name, f"{ink[i]:.3f}", ("even", "odd")[found[i] % 2]] for i, name in enumerate(names)]
    write_csv(data / "train.csv", ("image", "ink", "parity"), rows)
    names = write_images(data / "test", images[100 : 100 + UNKNOWN])
    write_csv(data / "sample.csv", ("image", "ink"), [[name, 0] for name in names])
    config = work / "config.ini"
    config.write_text(CONFIG.format(work=work, task=task, loss=loss), encoding="utf-8")
    return config


def student(config: Path, *overrides: str) -> Experiment:
    return Experiment.of(settings_from(read_sections(config, overrides), "config.ini"))


def extra(config: Path, labels: Path, *overrides: str) -> dict[str, torch.Tensor]:
    """Return what a student is taught about the unlabelled images."""
    dataset, _ = student(config, f"pseudo.labels={labels}", *overrides).training_data()
    return {name: values[-UNKNOWN:] for name, values in dataset.training.targets.items()}


@pytest.mark.slow
def test_models_of_one_fold_label_numbers_and_another_run_learns_from_them(tmp_path, capsys, caplog):
    caplog.set_level("INFO", logger="podium")
    config = competition(tmp_path, "RegressionTask\nlowest = -12\n[dataset]\nlabel_column = ink", "MSE")
    assert podium(config, "--folds", "0", "--set", "run.seeds=2") == 0
    run = tmp_path / "runs" / "mixed" / "001"

    # One model, and one view of each image: nobody knows how sure it is.
    assert podium(config, "--mode", "pseudo", "--run", str(run / "fold-0-seed-3")) == 2
    said = capsys.readouterr().err
    assert "'number', a number, only the spread of several answers says" in said
    assert "infer.views=Flip" in said
    assert "[run] seeds = 3" in said
    assert not (run / "fold-0-seed-3" / "pseudo_labels.csv").exists()

    for seed in (3, 4):  # each model's own answers
        assert podium(config, "--mode", "infer", "--run", str(run / f"fold-0-seed-{seed}")) == 0
    answers = np.array(
        [
            [
                float(row["number/value"])
                for row in table(run / f"fold-0-seed-{seed}" / "test_predictions.csv")
            ]
            for seed in (3, 4)
        ]
    )
    assert podium(config, "--mode", "pseudo", "--run", str(run)) == 0
    labels = run / "fold-0-seed-3" / "pseudo_labels.csv"
    rows = table(labels)
    written = np.array([float(row["number/value"].lstrip("'")) for row in rows])
    np.testing.assert_allclose(written, answers.mean(axis=0), rtol=1e-5, atol=1e-5)

    experiment = student(config)
    dataset, _ = experiment.training_data()
    truth = dataset.training.targets["number"][dataset.training.rows].double()
    sure = np.maximum(0, 1 - answers.std(axis=0, ddof=1) / float(truth.std(correction=0)))
    confidences = np.array([float(row["confidence/number"]) for row in rows])
    np.testing.assert_allclose(confidences, sure, atol=2e-5)
    assert f"from {np.quantile(confidences, 0.5):.4f} on" in caplog.text  # keeps the surer half

    half = float(np.median(confidences))
    taught = extra(config, labels, f"pseudo.min_confidence={half}")["number"][:, 0].numpy()
    expected = np.where(confidences >= half, written.clip(min=-12), np.nan)
    np.testing.assert_allclose(taught, expected.astype(np.float32), rtol=1e-5, atol=1e-5)
    assert 0 < np.isfinite(taught).sum() < UNKNOWN

    assert podium(config, "--set", f"pseudo.labels={labels}", "--set", f"pseudo.min_confidence={half}") == 0
    assert f"(labelled: number {int((confidences >= half).sum())})" in caplog.text


@pytest.mark.slow
def test_beside_a_class_a_number_without_a_spread_is_not_trained_on_and_with_views_it_is(tmp_path, caplog):
    config = competition(
        tmp_path,
        "SeveralTask\nclasses = parity\nnumbers = ink\nsubmit = ink\n[dataset]",
        "CrossEntropy\n[loss.ink]\nname = MSE",
    )
    assert podium(config) == 0
    labels = tmp_path / "runs" / "mixed" / "001" / "pseudo_labels.csv"
    assert podium(config, "--mode", "pseudo") == 0
    assert "Nobody will be trained on those numbers, only on the other labels" in caplog.text
    rows = table(labels)
    assert {row["confidence/ink"] for row in rows} == {""}
    taught = extra(config, labels)
    assert taught["ink"].isnan().all()
    torch.testing.assert_close(taught["parity"].sum(dim=1), torch.ones(UNKNOWN))

    assert podium(config, "--mode", "pseudo", "--set", "infer.views=Flip") == 0
    rows = table(labels)
    assert all(0 <= float(row["confidence/ink"]) <= 1 for row in rows)
    soft, hard = extra(config, labels), extra(config, labels, "pseudo.hard=yes")
    assert torch.equal(soft["ink"], hard["ink"])
    assert soft["ink"].isfinite().all()
    assert set(hard["parity"].unique().tolist()) == {0.0, 1.0}
    assert not set(soft["parity"].unique().tolist()) & {0.0, 1.0}

    rows[0]["ink/value"], rows[1]["confidence/ink"] = "much", "2"
    write_csv(labels, list(rows[0]), [list(row.values()) for row in rows])
    with pytest.raises(DataError) as refused:
        extra(config, labels)
    assert "line 2: ink/value: 'much' is no number" in str(refused.value)
    assert "line 3: confidence/ink: 2" in str(refused.value)


@pytest.mark.slow
def test_the_number_of_a_case_is_one_for_all_of_its_images_and_so_is_how_sure_it_is(tmp_path):
    (tmp_path / "data").mkdir()
    cases.draw(tmp_path / "data")
    text = cases.CONFIG.format(work=tmp_path).replace("name = ClassificationTask", "name = RegressionTask")
    config = tmp_path / "config.ini"
    config.write_text(text + "[loss]\nname = MSE\n", encoding="utf-8")
    assert podium(config) == 0
    run = tmp_path / "runs" / "cases" / "001"
    views = ("--set", "infer.views=Flip")
    assert podium(config, "--mode", "infer", *views) == 0
    assert podium(config, "--mode", "pseudo", *views) == 0

    by_case = {row["patient"]: float(row["number/value"]) for row in table(run / "test_predictions.csv")}
    sure: dict[str, set[str]] = {}
    for row in table(run / "pseudo_labels.csv"):
        assert float(row["number/value"]) == pytest.approx(by_case[row["group"]], rel=1e-5, abs=1e-5)
        sure.setdefault(row["group"], set()).add(row["confidence/number"])
    assert all(len(values) == 1 for values in sure.values())
    assert len(set.union(*sure.values())) > 1
    assert podium(config, "--set", f"pseudo.labels={run / 'pseudo_labels.csv'}") == 0
    assert podium(config, "--mode", "review", "--run", "001") == 0
    reviewed, scored = table(run / "review" / "numbers.csv")[0], read_json(run / "scores.json")["scores"]
    assert float(reviewed["RMSE"]) == pytest.approx(scored["rmse"], rel=1e-5)
