"""A finished model as one ONNX file, with everything that its user has to know."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dataset.tasks.spaces import Space
from models.columns import with_blank
from utils.errors import ConfigError, DataError

_GRAPH = "graph_sha256"
INPUTS = ("images", "features")  # the second where the model sees a table's columns as well
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class _NamedOutputs(nn.Module):
    """The probabilities of each label space, and then the logits of each."""

    def __init__(self, model: nn.Module, spaces: Sequence[Space]) -> None:
        super().__init__()
        self.model, self.spaces = model, spaces

    def forward(self, images: Tensor, table: Tensor | None = None) -> tuple[Tensor, ...]:
        logits = self.model(images) if table is None else self.model(images, table)
        probabilities = [space.probabilities(logits[space.name]) for space in self.spaces]
        return (*probabilities, *(logits[space.name] for space in self.spaces))


def need_export_packages() -> None:
    """Raise a ConfigError that says how to install what is missing of the extra ``export``."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"ONNX files need {', '.join(missing)}, which is not installed here: "
            "pip install -r requirements-export.txt"
        )


def write_onnx(
    path: Path,
    model: nn.Module,
    spaces: Sequence[Space],
    image_size: tuple[int, int],
    facts: Mapping[str, object],
) -> None:
    """Write a model that is on the CPU.

    Input: ``images``, uint8 (N, 3, H, W) of any N, and for a model that sees a table's columns
    ``features``, float (N, D). Outputs: by the name of each label space its
    probabilities, float (N, K), and as ``<name>/logits`` what they are made of.

    Args:
        image_size: H, W.
        facts: for the file's metadata, each as JSON under its name.

    Raises:
        ConfigError: a package is missing, or the model has an operation that ONNX has not.
    """
    need_export_packages()
    names = [space.name for space in spaces]
    images = torch.zeros(2, 3, *image_size, dtype=torch.uint8)  # two: of one image, N would be a constant
    blank = with_blank(model, images)
    # Of the columns it is the same N, which torch finds out.
    shapes = ({0: torch.export.Dim("N")}, {0: torch.export.Dim.AUTO})[: len(blank)]

    try:
        with torch.no_grad():
            program: Any = torch.onnx.export(
                _NamedOutputs(model, spaces).eval(),
                blank,
                dynamo=True,
                input_names=list(INPUTS[: len(blank)]),
                output_names=[*names, *(f"{name}/logits" for name in names)],
                dynamic_shapes=shapes,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ConfigError(f"This model can't be written as an ONNX file: {reason}") from error
    if isinstance(program.model.graph.inputs[0].shape[0], int):
        raise ConfigError(
            "This model can't be written as an ONNX file for any number of images: something in it, such as "
            "len() of a tensor, takes that of the example for the only one. Say tensor.shape[0] there."
        )
    program.model.metadata_props.update(as_metadata(facts))
    program.save(path, external_data=False)
    _put_digest(path)


def _put_digest(path: Path) -> None:
    """Put into a file's facts what its graph is, weights and all."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    entry = model.metadata_props.add()
    entry.key, entry.value = _GRAPH, json.dumps(_graph_digest(model))
    onnx.save(model, path)


def _graph_digest(model: Any) -> str:
    return hashlib.sha256(model.graph.SerializeToString(deterministic=True)).hexdigest()


def as_metadata(facts: Mapping[str, object]) -> dict[str, str]:
    """Return facts as an ONNX file has them: JSON by name."""
    return {name: json.dumps(fact, ensure_ascii=False, default=str) for name, fact in facts.items()}


def metadata_of(path: Path) -> dict[str, str]:
    """Return the facts in a file, as ``as_metadata`` says them; one that is damaged or edited has none."""
    need_export_packages()
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path, load_external_data=False)
        facts = {entry.key: entry.value for entry in model.metadata_props}
    except (DecodeError, OSError, ValueError):
        return {}
    return facts if facts.pop(_GRAPH, None) == json.dumps(_graph_digest(model)) else {}


def open_onnx(path: Path) -> Any:
    """Return ONNX Runtime's session with a file, on the CPU, with as many threads as PyTorch has.

    Raises:
        ConfigError: a package is missing.
        DataError: ONNX Runtime can't use the file.
    """
    need_export_packages()
    import onnxruntime  # an extra: only who asks for it has it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its classes have no other base; it reads nothing but this file
        raise DataError(f"ONNX Runtime can't use {path}: {str(error).splitlines()[0]}") from error
