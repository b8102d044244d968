"""torchvision's weights: the same function under timm's names, or a refusal."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from models.backbone import create_backbone
from utils.errors import ConfigError


def net(name: str, labels: int = 1000) -> nn.Module:
    """One of torchvision's with statistics that no fresh net has."""
    torch.manual_seed(2)
    made: nn.Module = torchvision.models.get_model(name, num_classes=labels)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return made.eval()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("mobilenet_v2", "mobilenetv2_100"),
        ("resnet18", "resnet18"),
        *(
            pytest.param(theirs, ours, marks=(pytest.mark.slow, pytest.mark.nets))
            for theirs, ours in (
                ("efficientnet_b0", "efficientnet_b0"),
                ("convnext_tiny", "convnext_tiny"),
                ("densenet121", "densenet121"),
                ("regnet_x_3_2gf", "regnetx_032"),
                ("vgg11_bn", "vgg11_bn"),
            )
        ),
    ],
)
def test_the_backbone_sees_what_torchvisions_net_sees(theirs: str, ours: str, tmp_path: Path) -> None:
    reference = net(theirs, 7)
    torch.save({"model_state_dict": reference.state_dict()}, tmp_path / "weights.pth")
    backbone = create_backbone(ours, (96, 96), tmp_path / "weights.pth").module.eval()
    last = [name for name, module in reference.named_modules() if isinstance(module, nn.Linear)][-1]
    reference.set_submodule(last, nn.Identity())
    images = torch.rand(3, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images), reference(images), rtol=1e-3, atol=1e-4)


def test_a_net_that_computes_otherwise_is_refused(tmp_path: Path) -> None:
    torch.save(net("mobilenet_v3_small").state_dict(), tmp_path / "weights.pth")
    with pytest.raises(
        ConfigError, match="look like torchvision's names, of a net that is not, layer by layer"
    ):
        create_backbone("mobilenetv3_small_100", (64, 64), tmp_path / "weights.pth")
