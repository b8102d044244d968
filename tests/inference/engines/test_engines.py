"""Every engine against the model itself, and what is refused."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dataset.tasks.base import Task
from dataset.tasks.spaces import AnyOf, OneOf
from inference.engines import onnx_file
from inference.engines.base import ENGINES, Engine, EngineName, check_difference, largest_difference
from inference.engines.onnx_file import as_metadata, metadata_of, open_onnx, write_onnx
from inference.engines.onnx_runtime import OnnxRuntime
from inference.predict import Predictions
from models.base import MODELS
from models.heads.base import Heads
from utils.errors import ConfigError, DataError
from utils.registry import Component

ROOT = Path(__file__).parents[3]
SPACES = (OneOf("age", ("young", "middle", "old")), AnyOf("tags", ("hat", "beard")))
SIZE = (24, 20)
BATCH = 4
COLUMNS = torch.tensor([[30.0, 0, 1, 0, 0], [50.0, 0, 0, 1, 0], [0.0, 1, 0, 0, 1]]).repeat(3, 1)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """A small net whose norms have seen images."""
    torch.manual_seed(0)
    heads = {space.name: len(space.labels) for space in SPACES}
    made = MODELS.build(
        Component.of("SmallResNet", widths=(8, 16), blocks=(1, 1)), heads=heads, image_size=SIZE, fresh=True
    )
    made.to(memory_format=torch.channels_last)
    for _ in range(3):
        made(images(8))
    return made.eval()


@pytest.fixture(scope="module")
def written(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    write_onnx(path, model, SPACES, SIZE, {"labels": ["청년", "중년"], "grey": True})
    return path


@pytest.fixture(scope="module")
def seeing() -> nn.Module:
    """A net that sees a table's columns beside the images."""
    heads = Heads({space.name: len(space.labels) for space in SPACES}, columns=(0, 2))
    made = MODELS.build(Component("TinyNet"), heads=heads, image_size=SIZE).eval()
    made.columns.learn(COLUMNS)
    return made


@pytest.fixture(scope="module")
def seeing_written(seeing: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    write_onnx(path, seeing, SPACES, SIZE, {})
    return path


def images(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, *SIZE, 3), dtype=torch.uint8, generator=generator).permute(
        0, 3, 1, 2
    )


def predictions(logits: dict[str, Tensor]) -> Predictions:
    return Predictions(torch.arange(1).numpy(), logits, {})


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n == "Compile" else []) for n in ENGINES.names()]
)
def test_an_engine_gives_the_models_own_logits_whatever_the_batch(name, model, written):
    engine = ENGINES.build(Component(name), model=model, batch_size=BATCH, onnx_file=lambda: written)
    with torch.inference_mode():
        for count in (BATCH, 1, 3, 2 * BATCH + 1):
            expected, found = model(images(count)), engine(images(count))
            assert list(found) == ["age", "tags"]
            for space, logits in expected.items():
                torch.testing.assert_close(found[space], logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n == "Compile" else []) for n in ENGINES.names()]
)
def test_an_engine_takes_a_tables_columns_beside_the_images(name, seeing, seeing_written):
    engine = ENGINES.build(Component(name), model=seeing, batch_size=BATCH, onnx_file=lambda: seeing_written)
    with torch.inference_mode():
        for count in (BATCH, 1, 2 * BATCH + 1):
            inputs = (images(count), COLUMNS[:count])
            expected, found = seeing(*inputs), engine(*inputs)
            for space, logits in expected.items():
                torch.testing.assert_close(found[space], logits, rtol=1e-4, atol=1e-5)


def test_a_file_of_a_model_that_sees_columns_takes_both(seeing_written):
    assert [given.name for given in open_onnx(seeing_written).get_inputs()] == ["images", "features"]


def test_a_name_in_any_case_is_an_engine_and_an_unknown_one_is_told_the_nearest():
    assert (
        EngineName.from_text("OnnxRuntime")
        == EngineName.from_text("onnxruntime")
        == EngineName("OnnxRuntime")
    )
    assert str(EngineName("OnnxRuntime")) == "onnxruntime"
    with pytest.raises(ValueError, match=r"onxruntime.*Did you mean 'onnxruntime'\?.*compile, eager"):
        EngineName.from_text("onxruntime")


def test_the_difference_is_that_of_the_probability_that_differs_most():
    logits = {"age": torch.tensor([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]]), "tags": torch.tensor([[0.0, 1.0]] * 2)}
    other = {"age": logits["age"].clone(), "tags": torch.tensor([[0.0, 1.0], [0.5, 1.0]])}
    task = Task(SPACES)
    assert largest_difference(task, predictions(logits), predictions(logits)) == 0
    expected = 1 / (1 + torch.tensor(-0.5).exp()) - 0.5
    found = largest_difference(task, predictions(logits), predictions(other))
    assert found == pytest.approx(expected.item(), abs=1e-7)


@pytest.mark.parametrize("difference", [0.0011, 1.0, float("nan")])
def test_more_than_rounding_is_refused(difference):
    with pytest.raises(ConfigError, match=r"engine = x gives other probabilities.*engine = eager"):
        check_difference(difference, "engine = x")


@pytest.mark.parametrize("difference", [0.0, 1e-6, 1e-3])
def test_rounding_is_not(difference):
    check_difference(difference, "engine = x")


def test_as_much_as_half_precision_rounds_itself_is_not_refused():
    check_difference(0.0027, "engine = x", rounding=0.0025)
    with pytest.raises(ConfigError, match=r"more than 0.006 is not rounding"):
        check_difference(0.0061, "engine = x", rounding=0.0025)


def test_the_file_takes_any_number_of_images_and_gives_probabilities_and_logits(model, written):
    session = open_onnx(written)
    for count in (1, 2, 7):
        found = session.run(["age", "tags", "age/logits"], {"images": images(count).contiguous().numpy()})
        logits = model(images(count))
        for values, expected in zip(
            found, (logits["age"].softmax(dim=1), logits["tags"].sigmoid(), logits["age"]), strict=True
        ):
            torch.testing.assert_close(torch.from_numpy(values), expected.detach(), rtol=1e-4, atol=1e-5)


def test_the_facts_of_a_file_are_read_as_they_were_written(written, tmp_path):
    assert metadata_of(written) == as_metadata({"labels": ["청년", "중년"], "grey": True})
    assert metadata_of(written)["labels"] == '["청년", "중년"]'
    broken = tmp_path / "model.onnx"
    broken.write_bytes(written.read_bytes()[:100])
    assert metadata_of(broken) == {}


def test_a_file_whose_weights_were_changed_has_no_facts_to_be_taken_for(written, tmp_path):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(written)
    weights = model.graph.initializer[0]
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 2, weights.name))
    onnx.save(model, tmp_path / "model.onnx")
    assert metadata_of(tmp_path / "model.onnx") == {}


@pytest.mark.parametrize("content", [b"", b"text", b"\x00" * 50])
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(DataError, match=rf"ONNX Runtime can't use {tmp_path / 'model.onnx'}: "):
        open_onnx(tmp_path / "model.onnx")
    assert metadata_of(tmp_path / "model.onnx") == {}


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    needed = (ROOT / "requirements-export.txt").read_text(encoding="utf-8")
    assert all(f"\n{name}>=" in needed for name in onnx_file.PACKAGES)
    monkeypatch.setattr(onnx_file, "PACKAGES", ("onnx", "not_there_either"))
    with pytest.raises(ConfigError, match=r"not_there_either.*pip install -r requirements-export\.txt"):
        OnnxRuntime.check(torch.device("cpu"))


def test_onnx_runtime_is_refused_for_a_gpu():
    OnnxRuntime.check(torch.device("cpu"))
    with pytest.raises(ConfigError, match=r"device is cuda:0: write device = cpu"):
        OnnxRuntime.check(torch.device("cuda:0"))


def test_a_model_that_onnx_can_not_say_is_refused_in_one_sentence(tmp_path):
    class Doubtful(nn.Module):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            mean = images.float().mean(dim=(2, 3))
            return {"tags": mean[:, :2] if mean.sum() > 1 else mean[:, 1:]}

    with pytest.raises(ConfigError, match="can't be written as an ONNX file"):
        write_onnx(tmp_path / "model.onnx", Doubtful(), SPACES[1:], SIZE, {})
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_knows_one_number_of_images_only_is_refused(tmp_path):
    class OfTwo(nn.Module):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"tags": torch.ones(len(images), 2) * images.float().mean(dim=(2, 3))[:, :2]}

    with pytest.raises(ConfigError, match=r"any number of images.*tensor\.shape\[0\]"):
        write_onnx(tmp_path / "model.onnx", OfTwo(), SPACES[1:], SIZE, {})
    assert list(tmp_path.iterdir()) == []


def test_an_engine_is_a_class_of_the_registry():
    assert all(issubclass(ENGINES.get(name), Engine) for name in ENGINES.names())
    assert [name for name in ENGINES.names() if ENGINES.get(name).exact] == ["Eager"]


def test_onnx_runtime_also_takes_the_floats_of_a_view(model, written):
    engine = OnnxRuntime(onnx_file=lambda: written)
    with torch.inference_mode():
        found, expected = engine(images(3).float() / 255), engine(images(3))
    assert all(torch.equal(found[space], logits) for space, logits in expected.items())


@pytest.mark.parametrize("name", ["Compile", "Eager"])
def test_a_model_that_pytorch_runs_is_in_the_mode_of_its_engine(name, model):
    engine = ENGINES.build(Component(name), model=model, batch_size=BATCH)
    for training in (True, False):
        engine.train(training)
        assert model.training == training
