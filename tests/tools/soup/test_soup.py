"""Soups of trained runs: which runs have a mean, what it is, and that its scores are honest."""

import csv
import itertools
import json
import shutil

import numpy as np
import pytest
import torch

from run import main
from tests.experiment.finished import seal
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from tools.soup.ingredients import Ingredients
from tools.soup.weights import mean_weights
from train import checkpoint
from utils.durable import write_json
from utils.read_json import read_json


def podium(work, *arguments):
    return main(["--config", str(work / "config.ini"), *arguments])


def settings(*pairs):
    return [text for pair in pairs for text in ("--set", pair)]


def table(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def best(folder):
    return checkpoint.load(folder / "checkpoints", "best")["model"]


def facts_of(folder):
    return json.loads((folder / "scores.json").read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with runs of drawn people on fold 0: 001 to 003 alike, 004 wider, 005 on another fold."""
    work = tmp_path_factory.mktemp("soup")
    lay_out_people(work / "data", people=40)
    text = SMALL_RUN.format(data=work / "data", work=work).replace("epochs = 1", "epochs = 2")
    (work / "config.ini").write_text(text + "[optimizer]\nname = AdamW\nlr = 0.02\n", encoding="utf-8")
    for change in (
        [],
        ["optimizer.lr=0.01"],
        ["optimizer.lr=0.04"],
        ["model.width=6"],
        ["dataset.valid_fold=1"],
    ):
        assert podium(work, *settings(*change)) == 0
    return work


@pytest.fixture
def runs(work):
    return work / "runs" / "test"


@pytest.fixture
def soup(work):
    """Where soups are: named after their members."""
    return work / "runs" / "test_soup"


def pot_of(runs, *versions):
    return Ingredients.of([runs / version for version in versions], ())


def test_a_uniform_soup_is_the_mean_of_all_weights_with_its_own_batch_norms(work, runs, soup):
    assert podium(work, "--mode", "soup", "003", "001", "002", "--recipe", "uniform") == 0
    kept = [best(runs / version) for version in ("001", "002", "003")]
    found, norms = best(soup / "001"), []
    for name, value in found.items():
        mean = np.mean([one[name].numpy().astype(np.float64) for one in kept], axis=0)
        if "running" in name or "num_batches" in name:
            norms.append(not np.allclose(value.numpy(), mean, rtol=1e-3))
        else:
            np.testing.assert_allclose(value.numpy(), mean, rtol=1e-6, atol=1e-7)
    assert any(norms)
    said = facts_of(soup / "001")
    assert said["soup"]["ingredients"] == [str(runs / version) for version in ("001", "002", "003")]
    assert "nested" not in said["soup"]  # nothing was chosen
    environment = json.loads((soup / "001" / "environment.json").read_text())
    assert environment["ingredients"] == said["soup"]["ingredients"]


def test_batch_norms_of_a_mean_are_those_of_the_training_images(runs):
    pot = pot_of(runs, "001", "002")
    weights = pot.weights((0, 1))
    model, trainer = pot.trainer.state.model, pot.trainer
    model.load_state_dict(mean_weights(pot.kept))
    # The first norm's input needs no other statistics: images through the layers before it.
    name = next(name for name in weights if name.endswith("running_mean")).removesuffix(".running_mean")
    seen = []
    hook = model.get_submodule(name).register_forward_pre_hook(
        lambda _, given: seen.append(given[0].detach())
    )
    model.eval()
    batches = list(trainer.batches.epoch(0))
    with torch.no_grad():
        for number, batch in enumerate(batches):
            place = {"epoch": 0, "batch": number, "time": number / len(batches)}
            images, _ = trainer.augmenter(batch.images, batch.targets, **place)
            model(images)
    hook.remove()
    means = torch.stack([images.mean(dim=(0, 2, 3)) for images in seen]).mean(dim=0)
    variances = torch.stack([images.var(dim=(0, 2, 3)) for images in seen]).mean(dim=0)
    torch.testing.assert_close(weights[f"{name}.running_mean"], means, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights[f"{name}.running_var"], variances, rtol=1e-4, atol=1e-5)
    rows = set(pot.dataset.valid_rows.tolist())
    assert not any(rows & set(batch.rows.tolist()) for batch in batches)


def test_a_greedy_soup_is_never_worse_than_its_best_run_where_it_was_chosen(runs):
    pot = pot_of(runs, "001", "002", "003")
    chosen = pot.greedy()
    value = pot.scores(chosen)["macro_f1"]
    singles = [pot.scores((number,))["macro_f1"] for number in range(3)]
    assert value >= max(singles)
    assert int(np.argmax(singles)) in chosen
    for number, version in enumerate(("001", "002", "003")):
        assert pot.scores((number,))["macro_f1"] == pytest.approx(
            facts_of(runs / version)["scores"]["macro_f1"]
        )


def test_the_order_of_runs_changes_no_bit(work, runs, soup):
    for order in ("001", "002", "003"), ("003", "002", "001"):
        assert podium(work, "--mode", "soup", *order) == 0
    for name in ("scores.json", "valid_predictions.csv"):
        assert (soup / "001" / name).read_bytes() == (soup / "002" / name).read_bytes()
    assert all(value.equal(best(soup / "002")[name]) for name, value in best(soup / "001").items())


def test_a_soup_is_a_run_to_predict_with_compare_and_look_at(work, runs, soup, capsys):
    assert podium(work, "--mode", "soup", "001", "002", "--recipe", "uniform") == 0
    named = ("--run", "test_soup/001")
    assert podium(work, "--mode", "infer", *named) == 0
    assert len(table(soup / "001" / "submission.csv")) == 14
    assert podium(work, "--mode", "compare", "001", "test_soup/001") == 0
    assert podium(work, "--mode", "views", *named, *settings("infer.views=Flip")) == 0
    alone = json.loads((soup / "001" / "views.json").read_text())["views"]["none"]["macro_f1"]["score"]
    assert alone == pytest.approx(facts_of(soup / "001")["scores"]["macro_f1"])
    assert podium(work, "--final", "test_soup") == 2
    assert "has no best epoch by validation" in capsys.readouterr().err


def test_the_nested_score_is_of_people_on_whom_nothing_was_chosen(runs):
    pot = pot_of(runs, "001", "002", "003")
    chosen = []

    def choose(rows):
        chosen.append(rows)
        return (len(chosen) - 1,)  # another run for each half

    found = pot.nested(choose)
    groups = np.array(pot.groups)
    first, second = chosen
    assert not set(groups[first]) & set(groups[second])
    assert sorted([*first, *second]) == list(range(len(groups)))
    for number, (seen, rest) in enumerate(((first, second), (second, first))):
        for name, values in pot.answer((number,)).logits.items():
            assert torch.equal(found.logits[name][rest], values[rest]), seen


def test_greedy_says_that_it_was_chosen_there_and_what_it_gains_elsewhere(work, runs, soup, caplog):
    caplog.set_level("INFO", logger="podium")
    assert podium(work, "--mode", "soup", "001", "002", "003") == 0
    facts = facts_of(soup / "001")["soup"]
    assert facts["recipe"] == "greedy"
    assert facts["chosen_on_these_images"] is True
    nested = facts["nested"]["macro_f1"]
    assert nested["gain"] == pytest.approx(nested["score"] - nested["best_run"])
    low, high = nested["interval of the gain"]
    assert low <= high
    assert "The greedy choice was made on these same images." in caplog.text


def test_of_equal_runs_nothing_is_lost(work, runs):
    shutil.copytree(runs / "001", work / "copy")
    pot = Ingredients.of([runs / "001", work / "copy"], ())
    mean = mean_weights(pot.kept)
    assert all(value.equal(pot.kept[0][name]) for name, value in mean.items())


def refusal(work, capsys, *arguments, code=2):
    runs = sorted((work / "runs" / "test").iterdir())
    assert podium(work, "--mode", "soup", *arguments) == code
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert sorted((work / "runs" / "test").iterdir()) == runs
    return message


def test_runs_without_a_common_validation_image_are_refused(work, capsys):
    message = refusal(work, capsys, "001", "005")
    assert "No image was validated by all of" in message
    assert "A soup is of runs with the same fold." in message


def test_other_weights_are_refused_with_what_differs(work, runs, capsys):
    message = refusal(work, capsys, "001", "004")
    assert f"{runs / '004'}: [model] width is '6', not '4'" in message
    assert "more tensors" in message


def test_other_sizes_heads_and_colours_are_refused_together(work, runs, capsys):
    change = ("images.size=40,32", "images.grey=yes", "task.joint=yes")
    assert podium(work, *settings(*change)) == 0
    message = refusal(work, capsys, "001", "006")
    for words in (
        "[images] size is '40, 32', not '32, 24'",
        "[images] grey",
        "[task] joint is 'yes', not 'no'",
    ):
        assert words in message


def test_runs_that_cannot_be_ingredients_are_refused(work, runs, capsys):
    assert "takes two runs or more" in refusal(work, capsys, "001")
    assert "A run is there twice" in refusal(work, capsys, "001", str(runs / "001"))
    assert "--resume has no meaning with --mode soup" in refusal(work, capsys, "001", "002", "--resume")
    assert podium(work, "--folds", "0,1") == 0
    assert "name runs of the same fold, such as" in refusal(work, capsys, "001", "006")
    assert podium(work, "--final", "006") == 0
    assert "is a final fit: it was trained on all images" in refusal(work, capsys, "001", "007")


def test_a_split_that_is_gone_or_damaged_is_refused_by_its_name(work, runs, capsys):
    split = runs / "001" / "split.csv"
    whole = split.read_bytes()
    split.write_bytes(whole + whole.splitlines(keepends=True)[-1])  # a line twice
    assert f"{split} is damaged or was edited" in refusal(work, capsys, "001", "002", code=3)
    split.unlink()
    assert f"There is no file {split}" in refusal(work, capsys, "001", "002", code=3)
    split.mkdir()
    assert f"{split} can't be read: Is a directory" in refusal(work, capsys, "001", "002", code=3)
    split.rmdir()
    split.write_bytes(whole.replace(b"\n", b"\r\n"))  # as git may check it out
    assert podium(work, "--mode", "soup", "001", "002") == 0


def test_runs_of_other_data_are_refused(work, runs, capsys):
    path = runs / "001" / "environment.json"
    write_json(path, read_json(path) | {"data": "another"})
    assert "is no longer what" in refusal(work, capsys, "001", "002", code=3)


def test_only_images_that_no_ingredient_was_trained_on_count(work, runs, soup):
    rows = table(runs / "002" / "valid_predictions.csv")
    people = sorted({row["group"] for row in rows})
    kept = [row for row in rows if row["group"] != people[0]]
    with (runs / "002" / "valid_predictions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    seal(runs / "002" / "valid_predictions.csv")
    assert podium(work, "--mode", "soup", "001", "002") == 0
    assert {row["group"] for row in table(soup / "001" / "valid_predictions.csv")} == set(people[1:])
    assert not (soup / "001" / "split.csv").exists()
    assert not any(itertools.chain(runs.glob(".new-*")))
