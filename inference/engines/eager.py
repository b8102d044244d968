"""PyTorch as it is."""

from torch import Tensor, nn

from inference.engines.base import ENGINES, Engine


@ENGINES.register
class Eager(Engine):
    """The model itself."""

    exact = True
    one_at_a_time = False  # the model may say otherwise

    def __init__(self, *, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, *table: Tensor) -> dict[str, Tensor]:
        logits: dict[str, Tensor] = self.model(images, *table)
        return logits
