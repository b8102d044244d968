"""The units in which a model learns numbers."""

import torch

from models.heads.base import Heads
from models.tiny_net import TinyNet
from models.units import set_units


def model(numbers=()):
    torch.manual_seed(0)
    return TinyNet(heads=Heads({"kind": 3, "price": 1}, numbers=numbers), image_size=(16, 16)).eval()


def test_a_number_comes_out_in_its_units_and_labels_stay():
    images = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)
    plain, scaled = model(), model(["price"])
    set_units(scaled, {"price": (100.0, 20.0)})
    assert torch.equal(scaled(images)["kind"], plain(images)["kind"])
    assert torch.allclose(scaled(images)["price"], 20 * plain(images)["price"] + 100)


def test_a_column_may_be_called_as_anything_here():
    for name in ("spaces", "units", "numbers", "weight", "link"):
        made = TinyNet(heads=Heads({name: 1}, numbers=[name]), image_size=(16, 16))
        set_units(made, {name: (5.0, 2.0)})
        assert made.state_dict()[f"units.{name}"].tolist() == [5.0, 2.0]


def test_the_units_are_kept_with_the_weights_and_cost_nothing_where_there_are_no_numbers():
    scaled, other = model(["price"]), model(["price"])
    set_units(scaled, {"price": (100.0, 20.0)})
    other.load_state_dict(scaled.state_dict())
    assert other.state_dict()["units.price"].tolist() == [100.0, 20.0]
    assert not [name for name in model().state_dict() if name.startswith("units")]
