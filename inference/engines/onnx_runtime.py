"""The exported model, run by ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from inference.engines.base import ENGINES, Engine
from inference.engines.onnx_file import INPUTS, need_export_packages, open_onnx
from utils.errors import ConfigError


@ENGINES.register
class OnnxRuntime(Engine):
    """ONNX Runtime on the CPU, with as many threads as PyTorch has."""

    @classmethod
    def check(cls, device: torch.device) -> None:
        need_export_packages()
        if device.type != "cpu":
            raise ConfigError(
                f"[infer] engine = onnxruntime runs on the CPU, but the device is {device}: write "
                "device = cpu in [run], or another engine."
            )

    def __init__(self, *, onnx_file: Callable[[], Path]) -> None:
        super().__init__()
        self.session = open_onnx(onnx_file())
        names = [output.name for output in self.session.get_outputs()]
        self.logits = {name.removesuffix("/logits"): name for name in names if name.endswith("/logits")}

    def forward(self, images: Tensor, *table: Tensor) -> dict[str, Tensor]:
        if images.is_floating_point():  # by a view that interpolates: the file takes bytes
            images = (images * 255).round().byte()
        given = zip(INPUTS, (images, *table), strict=False)
        inputs = {name: values.contiguous().numpy() for name, values in given}
        arrays = self.session.run([*self.logits.values()], inputs)
        return {space: torch.from_numpy(array) for space, array in zip(self.logits, arrays, strict=True)}
