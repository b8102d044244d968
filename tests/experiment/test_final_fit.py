"""A final fit: all people are trained on, for as long as the folds needed, and nothing scores it."""

import csv
import json
import shutil
import signal
import statistics
import time

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiment.assemble import Experiment
from experiment.changes import changes
from experiment.read_settings import read_sections, settings_from
from run import main
from tests.people import lay_out_people
from tests.test_run import CONFIG, EVERY_STEP, epochs_of, finish, newest_step, process
from train import checkpoint
from utils.ini import read_ini

PEOPLE, PHOTOS = 20, 7
FOLDS = ("--set", "dataset.folds=3", "--folds", "all")
MORE = "[callback.TrainScores]\n[callback.RawScores]\n[callback.EarlyStopping]\n"


def podium(work, *arguments):
    return main(["--config", str(work / "config.ini"), *arguments])


def table(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def facts_of(folder, name="scores.json"):
    return json.loads((folder / name).read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data, a config, a run of three folds (001) and a final fit of it (002)."""
    work = tmp_path_factory.mktemp("final")
    lay_out_people(work / "data", people=PEOPLE)
    text = CONFIG.format(data=work / "data", work=work).replace("name = AdamW", "name = AdamW\nlr = 0.01")
    text = text.replace("SplitByProfileDataset", "SplitByProfileDataset\nfolds = 3")
    (work / "config.ini").write_text(text.replace("epochs = 4", "epochs = 3") + MORE, encoding="utf-8")
    assert podium(work, *FOLDS) == 0
    assert podium(work, "--final", "001") == 0
    return work


@pytest.fixture
def folds(work):
    return work / "runs" / "test" / "001"


@pytest.fixture
def final(work):
    return work / "runs" / "test" / "002"


def test_it_trains_on_everybody_as_long_as_the_folds_needed(trained):
    folds, final = (trained / "runs" / "test" / version for version in ("001", "002"))
    best = [facts_of(folds / f"fold-{fold}")["best_epoch"] for fold in range(3)]
    epochs = int(statistics.median(best) + 0.5)
    assert len(epochs_of(final)) == epochs
    settings = settings_from(read_ini(final / "config.ini"), "config.ini")
    assert settings.train.epochs == epochs
    assert settings.train.final == str(folds)
    assert settings.run.folds is None
    differs = {
        (one.section, one.key) for one in changes(settings_from(read_ini(folds / "config.ini"), ""), settings)
    }
    assert differs <= {("run", "folds"), ("train", "epochs"), ("train", "final")}
    whole = table(final / "class_table.csv")
    assert sum(int(row["train images"]) for row in whole) == PEOPLE * PHOTOS
    assert all(row["train people"] == row["people"] and row["valid images"] == "0" for row in whole)
    log = (final / "log.txt").read_text()
    assert f"{PEOPLE * PHOTOS} images: {PEOPLE * PHOTOS} to train on, 0 to validate on" in log
    assert not (final / "split.csv").exists()


def test_its_only_scores_are_named_as_those_of_its_folds(trained):
    folds, final = (trained / "runs" / "test" / version for version in ("001", "002"))
    said, of_folds = facts_of(final), facts_of(folds)
    assert said["final"] == str(folds)
    assert said["scores_of_the_folds"] == of_folds["scores"]
    assert said["intervals_of_the_folds"] == of_folds["intervals"]
    best = {f"fold-{fold}": facts_of(folds / f"fold-{fold}")["best_epoch"] for fold in range(3)}
    assert said["best_epochs_of_the_folds"] == best
    assert not {"scores", "intervals", "best_by", "monitor"} & said.keys()
    assert not (final / "valid_predictions.csv").exists()
    for entry in epochs_of(final):
        assert {"epoch", "train_loss", "lr", "train_macro_f1"} <= entry.keys()
        assert not {"loss", "macro_f1", "raw_macro_f1"} & entry.keys()


def test_the_last_epoch_is_kept_and_its_schedule_ends_there(trained):
    final = trained / "runs" / "test" / "002"
    last, best = (checkpoint.load(final / "checkpoints", name) for name in ("last", "best"))
    assert best["scores"]["epoch"] == last["epoch"] == facts_of(final)["best_epoch"] == len(epochs_of(final))
    assert best["model"].keys() == last["eval_model"].keys()
    assert all(value.equal(last["eval_model"][name]) for name, value in best["model"].items())
    experiment = Experiment.of(settings_from(read_ini(final / "config.ini"), "config.ini"))
    steps = PEOPLE * PHOTOS // 16
    assert last["step"] == steps * experiment.settings.train.epochs
    # A cosine falls to (1 + cos(pi (1 - 1/n))) / 2 of the rate in the last of n steps.
    assert epochs_of(final)[-1]["lr"] < 0.01 * 0.05


def test_it_predicts_with_and_without_views(work, final):
    assert podium(work, "--mode", "infer") == 0
    plain = (final / "test_predictions.csv").read_bytes()
    assert len(table(final / "submission.csv")) == 14
    assert podium(work, "--mode", "infer", "--set", "infer.views=Flip") == 0
    assert (final / "test_predictions.csv").read_bytes() != plain
    assert f"Predicting with {final}: epoch" in (final / "log.txt").read_text()
    assert "a final fit, not validated." in (final / "log.txt").read_text()


def test_other_engines_and_the_export_take_it_too(work, final, caplog):
    caplog.set_level("INFO", logger="podium")
    for arguments in (("infer", "--set", "infer.engine=onnxruntime"), ("export",)):
        caplog.clear()
        assert podium(work, "--mode", *arguments) == 0
        assert "14 eval images" in caplog.text  # it has no validation images to be compared on


@pytest.mark.parametrize("arguments", [("compare", "001", "002"), ("views",), ("pseudo",)])
def test_what_needs_validated_images_refuses_it_with_a_sentence(work, final, arguments, capsys):
    assert podium(work, "--mode", *arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"ConfigError: {final} is a final fit: it was trained on all images")
    assert f"Name the run whose folds it follows instead: {facts_of(final)['final']}\n" in message


def test_of_an_ordinary_run_it_takes_the_best_epoch(work, folds):
    assert podium(work, "--final", str(folds / "fold-1"), "--set", "train.epochs=9") == 0
    assert len(epochs_of(work / "runs" / "test" / "003")) == facts_of(folds / "fold-1")["best_epoch"]


@pytest.mark.slow
def test_tensorboard_shows_it_without_what_only_validation_has(work):
    shown = ("--set", "callback.TensorBoard.sheet=1", "--set", "train.epochs=1")
    assert podium(work, *shown) == 0
    assert podium(work, "--final", "003", *shown) == 0
    tags = []
    for version in ("003", "004"):
        events = EventAccumulator(str(work / "runs" / "test" / version / "tensorboard")).Reload()
        tags.append({kind: set(events.Tags()[kind]) for kind in ("scalars", "images")})
    validated, final = tags
    assert {"epoch/train_loss", "epoch/train_macro_f1", "epoch/lr"} <= final["scalars"]
    assert "epoch/macro_f1" in validated["scalars"] - final["scalars"]
    assert final["images"] == {"training images, augmented"}


def refusal(work, capsys, *arguments):
    runs = sorted((work / "runs" / "test").iterdir())
    assert podium(work, *arguments) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert sorted((work / "runs" / "test").iterdir()) == runs
    return message


def test_another_config_than_that_of_the_folds_is_refused(work, folds, capsys):
    message = refusal(
        work, capsys, "--final", "001", "--set", "optimizer.lr=0.3", "--set", "callback.EMA.decay=0.5"
    )
    assert f"held against that of {folds}, whose epochs it would take, has 2 problem(s)" in message
    assert "[optimizer] lr was '0.01' and is now '0.3'" in message
    assert "[callback.EMA] decay was '0.999' and is now '0.5'" in message


def test_a_final_fit_of_a_final_fit_or_of_nothing_is_refused(work, final, capsys):
    assert "has no best epoch by validation" in refusal(work, capsys, "--final", "002")
    message = refusal(work, capsys, "--final", "yes")
    assert "There is no run 'yes'" in message
    assert "(there: 001, 002)" in message


def test_what_waits_for_scores_is_refused_all_at_once(work, folds, capsys):
    plateau = ("--set", "scheduler.name=ReduceOnPlateau", "--set", "callback.Freeze.melt_patience=2")
    assert podium(work, "--set", "train.epochs=2", *plateau) == 0
    path = work / "runs" / "test" / "003" / "config.ini"
    path.write_text(path.read_text().replace("time_limit = none", "time_limit = 5 min"))  # as if it had been
    message = refusal(work, capsys, "--final", "003", *plateau, "--set", "train.time_limit=5 min")
    assert "A final fit, which validates nothing, has 3 problem(s)" in message
    assert "[train] time_limit makes epochs of other lengths than its folds had" in message
    assert "[scheduler] ReduceOnPlateau waits for scores" in message
    assert "[callback.Freeze] melt_patience waits for scores: melt_after does not" in message


def test_labels_that_differ_from_fold_to_fold_are_refused(work, capsys):
    labels = "pseudo.labels=runs/test/001/fold-{fold}/pseudo_labels.csv"
    assert "this run is trained on all of them" in refusal(work, capsys, "--final", "001", "--set", labels)


@pytest.mark.parametrize("more", [("--folds", "all"), ("--seeds", "2")])
def test_it_is_one_model_so_nobody_asks_for_several(work, final, capsys, more):
    assert "leave out --folds and --seeds" in refusal(work, capsys, "--final", "001", *more)


def test_it_ends_even_if_its_folds_are_gone_by_then(work, folds, final):
    (final / "scores.json").rename(final / "scores before.json")
    shutil.rmtree(folds)
    assert podium(work, "--resume") == 0  # whatever the config says of final
    assert (final / "scores.json").read_bytes() == (final / "scores before.json").read_bytes()


@pytest.mark.slow
def test_a_final_fit_that_is_killed_and_resumed_gives_the_same_bits(work, final):
    arguments = ("--final", "001", *EVERY_STEP)
    killed = work / "runs" / "test" / "003"
    config = work / "config.ini"
    running = process(config, *arguments)
    while newest_step(killed) < 5:
        assert running.poll() is None, running.communicate()
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert not (killed / "scores.json").exists()
    assert finish(process(config, "--resume", *EVERY_STEP)) == 0
    assert finish(process(config, *arguments)) == 0
    whole = work / "runs" / "test" / "004"
    assert epochs_of(whole) == epochs_of(killed)
    assert (whole / "scores.json").read_bytes() == (killed / "scores.json").read_bytes()
    for name in ("last", "best"):
        weights = [checkpoint.load(run / "checkpoints", name)["model"] for run in (whole, killed)]
        assert all(value.equal(weights[1][key]) for key, value in weights[0].items())


def test_the_config_may_name_it_too(work, folds):
    config = work / "config.ini"
    config.write_text(config.read_text().replace("[train]", f"[train]\nfinal = {folds}"))
    assert podium(work) == 0
    assert facts_of(work / "runs" / "test" / "003")["final"] == str(folds)
    settings = settings_from(read_sections(config), "config.ini")
    assert settings.train.kept_by == "epoch"
