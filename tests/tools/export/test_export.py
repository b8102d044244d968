"""The ONNX file of a run, the example that uses it, and runs that predict by another engine."""

import csv
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import experiment.run_engine
from dataset.batches import centre_crop
from dataset.images.prepare import Prepare
from experiment.assemble import Experiment
from experiment.finished_run import finished_run
from experiment.read_settings import read_sections, settings_from
from experiment.run_engine import Sample
from inference.engines.base import Engine
from inference.engines.onnx_file import metadata_of
from inference.engines.onnx_runtime import OnnxRuntime
from run import main
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from utils.device import Precision

EXAMPLE = Path(__file__).parents[3] / "docs" / "use_exported_model.py"
CONFIG = (
    SMALL_RUN.replace("size = 32, 24", "size = 32, 24\nroom = 0.2\ngrey = yes")
    + """
[crop]
name = CentreCrop
size = 400, 320
centre = 0.45, 0.5
"""
)


def podium(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), *arguments])


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def probabilities(folder: Path) -> np.ndarray:
    rows = table(folder / "test_predictions.csv")
    return np.array([[float(value) for key, value in row.items() if "/" in key] for row in rows])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a config, and a finished run that has predicted and was exported."""
    work = tmp_path_factory.mktemp("exported")
    lay_out_people(work / "data")
    (work / "config.ini").write_text(CONFIG.format(data=work / "data", work=work), encoding="utf-8")
    for mode in ("train", "infer", "export"):
        assert podium(work / "config.ini", "--mode", mode) == 0
    return work


@pytest.fixture
def config(work: Path) -> Path:
    return work / "config.ini"


@pytest.fixture
def run(work: Path) -> Path:
    return work / "runs" / "test" / "001"


def test_the_file_says_everything_that_its_user_has_to_know(run):
    facts = {name: json.loads(text) for name, text in metadata_of(run / "model.onnx").items()}
    assert {name: space["labels"] for name, space in facts["spaces"].items()} == {
        "mask": ["wear", "incorrect", "normal"],
        "gender": ["male", "female"],
        "age": ["young", "middle", "old"],
    }
    assert {space["kind"] for space in facts["spaces"].values()} == {"one_of"}
    assert facts["task"]["name"] == "MaskTask"
    assert facts["task"]["age_boundaries"] == "30, 60"
    assert facts["crop"] == {"name": "CentreCrop", "size": [400, 320], "centre": [0.45, 0.5]}
    assert (facts["prepared_size"], facts["image_size"], facts["grey"]) == ([38, 28], [32, 24], True)
    (normalised,) = facts["normalise"].values()
    assert normalised["mean"] == pytest.approx([0.485, 0.456, 0.406])
    assert normalised["std"] == pytest.approx([0.229, 0.224, 0.225])
    assert (facts["run"], facts["epoch"]) == ("runs/test/001", 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "python use_exported_model.py runs/mine/001/model.onnx photo.jpg"),
        (["no.onnx", "a.png"], "There is no no.onnx: --mode export writes it."),
        (["MODEL", "no.png"], "no.png is not there, or no image."),
        ([str(EXAMPLE), "a.png"], "use_exported_model.py can't be used: "),
    ],
)
def test_the_example_says_in_a_sentence_what_is_missing(arguments, said, run, tmp_path):
    named = [str(run / "model.onnx") if text == "MODEL" else text for text in arguments]
    command = [sys.executable, str(EXAMPLE), *named]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert printed.returncode == 1
    assert said in printed.stderr
    assert "Traceback" not in printed.stderr


def with_facts(model: Path, path: Path, **facts: object) -> Path:
    """Write a copy of a model with other facts in it; return its path."""
    import onnx  # an extra

    changed = onnx.load(model)
    for entry in changed.metadata_props:
        entry.value = json.dumps(facts.get(entry.key, json.loads(entry.value)))
    onnx.save(changed, path)
    return path


def shown(model: Path, photo: Path) -> list[list[str]]:
    """Return the words of each line that the example prints about a photo, without its name."""
    command = [sys.executable, str(EXAMPLE), str(model), str(photo)]
    printed = subprocess.run(command, capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr
    return [line.split()[1:] for line in printed.stdout.splitlines()]


def test_the_example_reads_values_of_16_bits_as_the_run_did(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "plain.png"), pixels)
    cv2.imwrite(str(tmp_path / "deep.png"), pixels.astype(np.uint16) << 4)
    model = with_facts(run / "model.onnx", tmp_path / "deep.onnx", depth=12)
    assert shown(model, tmp_path / "deep.png") == shown(run / "model.onnx", tmp_path / "plain.png")


def test_the_example_answers_with_all_labels_that_reach_their_thresholds(run, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((60, 50, 3), dtype=np.uint8))
    spaces = json.loads(metadata_of(run / "model.onnx")["spaces"])
    for limit, answers in (0.0, ",".join(spaces["mask"]["labels"])), (1.0, "-"):
        spaces["mask"]["thresholds"] = [limit]
        model = with_facts(run / "model.onnx", tmp_path / "any.onnx", spaces=spaces)
        assert shown(model, tmp_path / "a.png")[0][:2] == ["mask", answers]


@pytest.mark.parametrize("size", [(512, 384), (37, 300), (20, 20)])
def test_the_example_gives_podiums_probabilities_without_podium_and_without_pytorch(
    size, run, config, tmp_path
):
    photos = [tmp_path / "a.png", tmp_path / "b.png"]
    for seed, photo in enumerate(photos):
        small = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        cv2.imwrite(str(photo), cv2.resize(small, size[::-1]))
    code = (
        f"import runpy, sys; sys.argv = [{str(EXAMPLE)!r}, {str(run / 'model.onnx')!r}, "
        f"*{[str(photo) for photo in photos]!r}]; runpy.run_path(sys.argv[0], run_name='__main__'); "
        "assert not {'torch', 'timm', 'experiment', 'dataset'} & sys.modules.keys()"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert printed.returncode == 0, printed.stderr
    experiment = Experiment.of(settings_from(read_sections(config, []), "config.ini"))
    model = experiment.model(fresh=False).eval()
    model.load_state_dict(finished_run(run)["model"])
    prepared = torch.from_numpy(np.stack([experiment.prepare(photo) for photo in photos])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = experiment.task.probabilities(model(centre_crop(prepared, (32, 24))))
    lines = [line.split() for line in printed.stdout.splitlines()]
    assert [line[:2] for line in lines] == [[str(photo), space] for photo in photos for space in expected]
    for number in range(len(photos)):
        for space, line in zip(experiment.task.spaces, lines[number * 3 :], strict=False):
            own = expected[space.name][number]
            labels, values = zip(*(word.split("=") for word in line[3:]), strict=True)
            assert labels == space.labels
            assert [float(value) for value in values] == pytest.approx(own.tolist(), abs=1e-5)
            assert line[2] == space.labels[own.argmax()]


def test_a_run_predicts_the_same_by_its_onnx_file_as_by_pytorch(config, run, caplog):
    caplog.set_level("INFO", logger="podium")
    before, answers = probabilities(run), (run / "submission.csv").read_bytes()
    written = (run / "model.onnx").stat().st_mtime_ns
    for batch_size in ("auto", "3"):
        by_onnx = ("--set", "infer.engine=onnxruntime", "--set", f"infer.batch_size={batch_size}")
        assert podium(config, "--mode", "infer", *by_onnx) == 0
        assert np.abs(probabilities(run) - before).max() < 2e-6
        assert (run / "submission.csv").read_bytes() == answers
    assert "onnxruntime differs from PyTorch by at most" in caplog.text
    assert "on 28 validation images" in caplog.text
    assert (run / "model.onnx").stat().st_mtime_ns == written  # it was there, and of these weights


@pytest.mark.parametrize("engine_rounds", [False, True])
def test_an_engine_is_held_against_float32_where_the_run_is_in_half_precision(run, engine_rounds):
    experiment = Experiment.of(settings_from(read_sections(run / "config.ini", ()), "config.ini"))
    model = experiment.model(fresh=False)
    model.load_state_dict(finished_run(run)["model"])
    model.eval()
    half = replace(experiment, precision=Precision(torch.device("cpu"), torch.bfloat16))

    class Own(Engine):
        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            with torch.autocast("cpu", enabled=engine_rounds):
                return model(images)

    sentence = Sample(model, half, run, run).compared_with(Own())
    difference = float(re.search(r"at most (\S+) in a probability", sentence)[1])
    assert (difference > 1e-5) == engine_rounds


def test_the_file_of_a_run_that_predicts_in_half_precision_is_held_against_float32_alone(
    config, run, tmp_path, monkeypatch
):
    copy = tmp_path / "runs" / "test" / "001"
    shutil.copytree(run, copy)
    text = re.sub(r"\neval_precision = \w+", "", (copy / "config.ini").read_text())
    (copy / "config.ini").write_text(text.replace("[train]", "[train]\neval_precision = bfloat16"))
    asked, predict = [], experiment.run_engine.predict

    def noted(model, batches, precision, *, what):
        asked.append(precision.name)
        return predict(model, batches, precision, what=what)

    monkeypatch.setattr(experiment.run_engine, "predict", noted)
    assert podium(config, "--mode", "export", "--run", str(copy)) == 0
    assert asked == ["float32", "float32"]  # the model, and the file


def test_a_file_that_is_not_of_these_weights_is_written_anew(config, run):
    path = run / "model.onnx"
    good = metadata_of(path)
    path.write_bytes(path.read_bytes().replace(good["weights_sha256"].encode(), b'"' + b"0" * 64 + b'"'))
    assert metadata_of(path)["weights_sha256"] == f'"{"0" * 64}"'
    assert podium(config, "--mode", "infer", "--set", "infer.engine=onnxruntime") == 0
    assert metadata_of(path) == good


def test_an_engine_that_gives_other_probabilities_is_refused_and_nothing_is_written(
    config, run, monkeypatch, capsys
):
    files = {path.name: path.read_bytes() for path in run.iterdir() if path.suffix in (".csv", ".onnx")}
    own = OnnxRuntime.forward
    monkeypatch.setattr(OnnxRuntime, "forward", lambda self, x: {k: 1.2 * v for k, v in own(self, x).items()})
    assert podium(config, "--mode", "infer", "--set", "infer.engine=onnxruntime") == 2
    assert "engine = onnxruntime on 28 validation images gives other probabilities" in capsys.readouterr().err
    assert podium(config, "--mode", "export") == 2
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.name in files} == files
    assert not list(run.glob(".*.tmp"))


def test_where_the_training_images_are_not_here_the_eval_images_are_compared(config, run, caplog, tmp_path):
    caplog.set_level("INFO", logger="podium")
    data = config.parent / "data"
    (tmp_path / "only_eval").mkdir()
    (tmp_path / "only_eval" / "eval").symlink_to(data / "eval")
    elsewhere = ("--set", f"paths.data={tmp_path / 'only_eval'}", "--set", "infer.engine=onnxruntime")
    assert podium(config, "--mode", "infer", *elsewhere) == 0
    assert "on 14 eval (the validation images are not here) images" in caplog.text


@pytest.mark.slow
def test_each_member_of_a_run_of_folds_is_exported_and_each_eval_image_prepared_once(
    work, config, monkeypatch
):
    folds = ("--set", "run.name=folds", "--set", "dataset.folds=3")
    assert podium(config, *folds, "--folds", "0,2") == 0
    seen = []
    prepare = Prepare.with_finding
    monkeypatch.setattr(
        Prepare, "with_finding", lambda self, path: (seen.append(path.name), prepare(self, path))[1]
    )
    fresh = ("--set", f"paths.cache={work / 'another'}")
    assert podium(config, "--mode", "infer", "--set", "run.name=folds", *fresh) == 0
    names = sorted(path.name for path in (work / "data" / "eval" / "images").iterdir())
    assert sorted(seen) == names
    whole = work / "runs" / "folds" / "001"
    before = probabilities(whole)
    assert podium(config, "--mode", "export", "--set", "run.name=folds") == 0
    assert (
        podium(config, "--mode", "infer", "--set", "run.name=folds", "--set", "infer.engine=onnxruntime") == 0
    )
    assert np.abs(probabilities(whole) - before).max() < 2e-6
    digests = {metadata_of(whole / name / "model.onnx")["weights_sha256"] for name in ("fold-0", "fold-2")}
    assert len(digests) == 2
