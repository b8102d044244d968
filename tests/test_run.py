"""The whole way, as a user walks it: config.ini -> run.py -> submission.csv, and what can go wrong."""

import csv
import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from experiment.mode_lines import mode_lines
from run import main
from tests.digits import draw_canvases
from tests.forks import Fork, podium_process
from tests.people import lay_out_people
from train import checkpoint

ROOT = Path(__file__).parent.parent
CONFIG = """
[run]
name = test
seed = 7
device = cpu
[paths]
data = {data}
runs = {work}/runs
cache = {work}/cache
[task]
name = MaskTask
[dataset]
name = SplitByProfileDataset
[images]
size = 32, 24
room = 0.2
[augmentation]
name = TrainAugmentation
[model]
name = TinyNet
width = 4
dropout = 0.2
[optimizer]
name = AdamW
[scheduler]
name = CosineAnnealing
[train]
epochs = 4
batch_size = 16
[callback.EMA]
"""
EVERY_STEP = ("--set", "callback.Checkpoints.minutes=0")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "data"
    lay_out_people(folder, small=True)
    return folder


@pytest.fixture
def config(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PODIUM_DATA", raising=False)
    path = tmp_path / "config.ini"
    path.write_text(CONFIG.format(data=data, work=tmp_path), encoding="utf-8")
    return path


def podium(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), *arguments])


def process(config: Path, *arguments: str) -> Fork:
    return podium_process(config.parent, "--config", str(config), *arguments)


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def epochs_of(run: Path) -> list[dict[str, float]]:
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in entries]


def test_training_and_inference_leave_what_the_readme_promises(config, data, tmp_path):
    before = snapshot(data)
    assert podium(config) == 0
    assert podium(config, "--mode", "infer") == 0
    run = tmp_path / "runs" / "test" / "001"
    files = "config.ini environment.json log.txt class_table.csv split.csv metrics.jsonl scores.json"
    for name in (*files.split(), "valid_predictions.csv", "submission.csv", "test_predictions.csv"):
        assert (run / name).exists(), name
    template, written = rows_of(data / "eval" / "info.csv"), rows_of(run / "submission.csv")
    assert [row[0] for row in written] == [row[0] for row in template]
    assert written[0] == template[0]
    assert all(0 <= int(row[1]) <= 17 for row in written[1:])
    assert len(epochs_of(run)) == 4
    low, high = json.loads((run / "scores.json").read_text())["intervals"]["macro_f1"]
    assert f" [{low:.3f}, {high:.3f}]  accuracy " in (run / "log.txt").read_text()
    assert snapshot(data) == before  # the user's data folder is never written to


def test_only_who_draws_for_tensorboard_is_told_where_to_look(config, capsys):
    assert podium(config, "--set", "train.epochs=1") == 0
    assert "TensorBoard" not in capsys.readouterr().out
    assert podium(config, "--set", "train.epochs=1", "--set", "callback.TensorBoard.worst=1") == 0
    assert "TensorBoard: tensorboard --logdir " in capsys.readouterr().out


def test_the_same_config_gives_the_same_bits_and_never_overwrites_a_run(config, tmp_path):
    assert podium(config) == 0
    first = snapshot(tmp_path / "runs" / "test" / "001")
    assert podium(config) == 0
    runs = tmp_path / "runs" / "test"
    assert snapshot(runs / "001") == first
    assert_same_run(runs / "001", runs / "002")


def assert_same_run(one: Path, other: Path) -> None:
    assert epochs_of(one) == epochs_of(other)
    for name in ("valid_predictions.csv", "scores.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    for name in ("last", "best"):
        weights = [checkpoint.load(run / "checkpoints", name)["model"] for run in (one, other)]
        assert weights[0].keys() == weights[1].keys()
        for key, value in weights[0].items():
            assert torch.equal(value, weights[1][key]), (name, key)


MULTI_LABEL = """
[task]
name = MultiLabelTask
decide = tuned
[dataset]
name = CsvDataset
label_columns = others
[loss]
name = AsymmetricLoss
"""


@pytest.fixture
def multi_label(config, tmp_path):
    """The same config for a data set with any number of labels on an image."""
    draw_canvases(tmp_path / "canvases", train=140)
    of_people = "[task]\nname = MaskTask\n[dataset]\nname = SplitByProfileDataset\n"
    text = config.read_text().replace(of_people, MULTI_LABEL.lstrip())
    config.write_text(re.sub("data = .*", f"data = {tmp_path / 'canvases'}", text))
    return config


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["config", "multi_label"])
def test_a_run_that_is_killed_at_random_steps_and_resumed_gives_the_same_bits(kind, request, tmp_path):
    config = request.getfixturevalue(kind)
    # All in processes of their own, with as many threads as a user's: these tests have one.
    assert finish(process(config, *EVERY_STEP, "--set", "run.name=whole")) == 0
    whole = tmp_path / "runs" / "whole" / "001"
    config.write_text(config.read_text().replace("name = test", "name = whole"))
    killed, arguments = tmp_path / "runs" / "whole" / "002", EVERY_STEP
    steps = sorted(random.sample(range(1, 26), 2))  # of 28; another pair in every test run
    for step in steps:
        running = process(config, *arguments)
        while newest_step(killed) < step:
            assert running.poll() is None, running.communicate()
            time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert not (killed / "scores.json").exists()
        arguments = (*EVERY_STEP, "--resume")
    assert finish(process(config, *arguments)) == 0
    assert_same_run(whole, killed)


def finish(running: Fork) -> int:
    running.communicate()
    return running.returncode


def newest_step(run: Path) -> int:
    return max((int(path.stem[5:].rstrip("+")) for path in run.glob("checkpoints/last-*.json")), default=0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_cleanly_with_code_4_and_says_how_to_resume(config, tmp_path, number):
    running = process(config, *EVERY_STEP, "--set", "train.epochs=5000")
    run = tmp_path / "runs" / "test" / "001"
    while newest_step(run) < 3:
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 4
    assert number.name in errors
    assert f"python run.py --resume --config {run / 'config.ini'} --run {run}" in errors
    assert "Traceback" not in errors
    assert checkpoint.load(run / "checkpoints", "last")["step"] >= 3


@pytest.mark.slow
def test_a_run_in_use_by_another_process_is_refused(config, tmp_path, capsys):
    running = process(config, *EVERY_STEP, "--set", "train.epochs=5000")
    run = tmp_path / "runs" / "test" / "001"
    try:
        while newest_step(run) < 1:
            assert running.poll() is None, running.communicate()
            time.sleep(0.01)
        assert podium(config, *EVERY_STEP, "--set", "train.epochs=5000", "--resume") == 2
        assert "Another process" in capsys.readouterr().err
    finally:
        running.kill()
        running.communicate()


def test_a_loss_that_is_no_number_stops_with_code_4_and_keeps_the_good_checkpoint(config, tmp_path, capsys):
    explode = ("--set", "optimizer.name=SGD", "--set", "optimizer.lr=1e18", "--set", "scheduler.warmup=1")
    assert podium(config, *explode) == 4
    message = capsys.readouterr().err
    for word in ("step", "learning rate", "--set optimizer.lr", "--set train.clip"):
        assert word in message
    assert not (tmp_path / "runs" / "test" / "001" / "scores.json").exists()


def test_resume_refuses_another_config_and_names_every_difference(config, tmp_path, capsys):
    assert podium(config, "--set", "optimizer.lr=1e18", "--set", "optimizer.name=SGD") == 4
    capsys.readouterr()
    assert podium(config, "--resume", "--set", "train.batch_size=8") == 2
    message = capsys.readouterr().err
    assert "[train] batch_size was '16' and is now '8'" in message
    assert "[optimizer] lr was '1e18'" in message


def test_a_run_from_before_a_key_existed_can_be_resumed(config, tmp_path):
    diverging = ("--set", "optimizer.name=SGD", "--set", "optimizer.lr=1e18")
    assert podium(config, *diverging) == 4
    began = tmp_path / "runs" / "test" / "001" / "config.ini"
    old = began.read_text().replace("head_rate = 1.0\n", "").replace("layer_decay = 1.0\n", "")
    assert old != began.read_text()
    began.write_text(old)
    assert podium(config, *diverging, "--resume") == 4  # it goes on, and diverges again


def test_resume_refuses_data_that_changed(config, data, tmp_path, capsys):
    copied = tmp_path / "copied"
    subprocess.run(["cp", "-a", data, copied], check=True)
    changed = ("--set", f"paths.data={copied}", "--set", "optimizer.lr=1e18", "--set", "optimizer.name=SGD")
    assert podium(config, *changed) == 4
    table = copied / "train" / "train.csv"
    table.write_text(table.read_text().replace(",male,", ",female,", 1))
    assert podium(config, *changed, "--resume") == 3
    assert "no longer what" in capsys.readouterr().err


def test_nothing_to_resume_and_nothing_to_predict_with_say_what_to_do(config, capsys):
    assert podium(config, "--resume") == 2
    assert "python run.py" in capsys.readouterr().err
    assert podium(config, "--mode", "infer") == 2
    assert "Start one with: python run.py" in capsys.readouterr().err


def test_a_finished_run_is_not_resumed(config, capsys):
    assert podium(config) == 0
    assert podium(config, "--resume") == 2
    assert "001 (finished)" in capsys.readouterr().err


def test_inference_takes_the_named_run_and_refuses_training_options(config, tmp_path, capsys):
    assert podium(config) == 0
    assert podium(config) == 0
    assert podium(config, "--mode", "infer", "--run", "001") == 0
    assert (tmp_path / "runs" / "test" / "001" / "submission.csv").exists()
    assert not (tmp_path / "runs" / "test" / "002" / "submission.csv").exists()
    assert podium(config, "--mode", "infer", "--set", "model.width=8") == 2
    assert "belongs to training" in capsys.readouterr().err
    assert podium(config, "--mode", "infer", "--run", "009") == 2
    assert "there: 001, 002" in capsys.readouterr().err


def test_inference_needs_no_training_data_and_ignores_later_changes_of_the_model(config, data, tmp_path):
    assert podium(config) == 0
    only_eval = tmp_path / "only_eval"
    only_eval.mkdir()
    (only_eval / "eval").symlink_to(data / "eval")
    config.write_text(
        config.read_text().replace("width = 4", "width = 12").replace(str(data), str(only_eval))
    )
    assert podium(config, "--mode", "infer") == 0


def test_an_unreadable_eval_image_is_never_skipped(config, data, tmp_path, capsys):
    copied = tmp_path / "copied"
    subprocess.run(["cp", "-a", data, copied], check=True)
    assert podium(config, "--set", "images.on_bad_image=skip") == 0
    image = next((copied / "eval" / "images").iterdir())
    image.write_bytes(image.read_bytes()[:500])
    assert podium(config, "--mode", "infer", "--set", f"paths.data={copied}") == 3
    assert image.name in capsys.readouterr().err


def test_unreadable_training_images_are_left_out_and_named_when_asked(config, data, tmp_path, capsys):
    copied = tmp_path / "copied"
    subprocess.run(["cp", "-a", data, copied], check=True)
    image = sorted((copied / "train" / "images").glob("*/mask1.*"))[0]
    image.write_bytes(b"no image")
    there = ("--set", f"paths.data={copied}")
    assert podium(config, *there) == 3
    assert str(image) in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert podium(config, *there, "--set", "images.on_bad_image=skip") == 0
    run = tmp_path / "runs" / "test" / "001"
    assert str(image) in (run / "log.txt").read_text()
    predicted = {row[0] for row in rows_of(run / "valid_predictions.csv")}
    assert str(image.relative_to(copied)) not in predicted


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("model.name=ResNet81", ["ResNet18", "Valid names"]),
        ("model.widht=3", ["widht", "Did you mean 'width'"]),
        ("train.epochs=many", ["'many' is not a whole number"]),
        ("train.monitor=f1", ["Unknown score 'f1'", "macro_f1"]),
        ("loss.aeg.name=CrossEntropy", ["Unknown label space 'aeg'", "Did you mean 'age'"]),
        ("dataset.valid_fold=5", ["[dataset] valid_fold = 5 is not one of the folds: 0, 1, 2, 3, 4"]),
        ("run.device=gpu", ["device = 'gpu'", "cuda"]),
        ("run.name=a/b", ["must be a folder's name"]),
        ("loss.weight=0", ["at least one head needs a weight"]),
        ("epochs=3", ["section.key=value"]),
    ],
)
def test_a_mistake_in_the_config_is_code_2_and_one_message_without_a_traceback(
    config, capsys, setting, words
):
    assert podium(config, "--set", setting) == 2
    message = capsys.readouterr().err
    assert message.startswith("ConfigError: ")
    for word in words:
        assert word in message
    assert "Traceback" not in message


def test_a_missing_data_folder_is_code_3_and_names_it(config, tmp_path, capsys):
    assert podium(config, "--set", f"paths.data={tmp_path}/nowhere") == 3
    assert (
        f"DataError: There is no folder {tmp_path}/nowhere. The organiser's folder is named by data = FOLDER"
        in capsys.readouterr().err
    )


def test_one_joint_head_trains_and_predicts_as_well(config, tmp_path):
    assert podium(config, "--set", "task.joint=yes", "--set", "train.epochs=1") == 0
    assert podium(config, "--mode", "infer") == 0
    header = rows_of(tmp_path / "runs" / "test" / "001" / "test_predictions.csv")[0]
    assert len(header) == 1 + 18


def test_help_teaches_and_imports_no_torch(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for word in ("--set train.epochs=3", "--resume", "exit codes", "tensorboard --logdir"):
        assert word in text
    for name, first_line in mode_lines().items():
        assert re.search(rf"^  {name} +{re.escape(first_line)}$", text, re.MULTILINE)
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "run.py", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    assert "torch" not in imported


def test_list_names_everything_that_can_be_chosen(capsys):
    assert main(["--mode", "list"]) == 0
    text = capsys.readouterr().out
    for name in (
        "MaskTask",
        "EfficientNetB4T",
        "LabelSmoothing",
        "AdamP",
        "CosineAnnealing",
        "EarlyStopping",
        "epochs = needed",  # of a fixed section
        "layer_decay = 1.0",  # of every optimiser
        "class_weights = none",  # of every loss
    ):
        assert name in text


@pytest.mark.parametrize(
    "settings",
    [
        ["model.name=SmallResNet", "images.size=33,24"],
        ["scheduler.warmup=4"],
        ["sampler.name=FewPerGroup", "sampler.space=maks"],
        ["augmentation.name=RandomErasing", "augmentation.smallest=0.9"],
    ],
)
def test_a_mistake_that_shows_when_pieces_are_built_leaves_no_run_folder(config, tmp_path, settings):
    assert podium(config, *(argument for setting in settings for argument in ("--set", setting))) == 2
    assert not list(tmp_path.glob("runs/test/*"))


def test_a_run_that_was_killed_just_before_its_end_can_be_finished_with_another_batch_size(config, tmp_path):
    assert podium(config, "--set", "train.epochs=1") == 0
    finished = tmp_path / "runs" / "test" / "001" / "scores.json"
    finished.unlink()
    assert podium(config, "--set", "train.epochs=1", "--resume", "--set", "infer.batch_size=3") == 0
    assert finished.exists()


def test_flags_that_would_be_ignored_are_refused(config, capsys):
    assert podium(config, "--run", "001") == 2
    assert "--run names a run to resume" in capsys.readouterr().err
    assert podium(config, "--mode", "infer", "--resume") == 2
    assert "no meaning with --mode infer" in capsys.readouterr().err


def test_the_printed_command_predicts_with_this_run(config, tmp_path, caplog):
    caplog.set_level("INFO", logger="podium")
    assert podium(config, "--set", "run.name=other") == 0
    command = next(line for line in caplog.text.splitlines() if line.startswith("Predict:"))
    assert main(command.split("run.py ")[1].split()) == 0
    assert (tmp_path / "runs" / "other" / "001" / "submission.csv").exists()


def test_a_runs_folder_that_cannot_be_made_is_one_sentence(config, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert podium(config, "--set", f"paths.runs={tmp_path}/file") == 4
    assert f"{tmp_path}/file can't be written: Not a directory." in capsys.readouterr().err
