"""How the head of one label space depends on another's answers, against a plain sum for each image."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.base import MODELS, Classifier
from models.conditionings.base import CONDITIONINGS, Conditioning
from models.heads.base import Heads
from models.layers import layers
from utils.errors import ConfigError
from utils.ini import Value
from utils.registry import Component

LEVELS = {"coarse": 2, "middle": 3, "fine": 5}
WIDTH = 4
CHAINS = {"CoarseToFine": ("coarse", "middle", "fine"), "FineToCoarse": ("fine", "middle", "coarse")}
every = pytest.mark.parametrize("name", CONDITIONINGS.names())


def heads(name: str, labels: dict[str, int] = LEVELS, **chosen: Component) -> Heads:
    component = Component(name, {}, "conditioning", "config.ini line 9")
    return Heads(labels, chosen, conditioning=component)


def build(name: str, labels: dict[str, int] = LEVELS, **chosen: Component) -> Conditioning:
    torch.manual_seed(0)
    return heads(name, labels, **chosen).build(WIDTH)


def features(count: int = 6) -> Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(1))


def logits(conditioning: Conditioning, seen: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = conditioning(dict.fromkeys(LEVELS, seen))
    return found


def affine(head: nn.Module, inputs: list[float]) -> list[float]:
    weight, bias = head.weight.tolist(), head.bias.tolist()
    return [
        sum(w * x for w, x in zip(row, inputs, strict=True)) + b for row, b in zip(weight, bias, strict=True)
    ]


def softmax(values: list[float]) -> list[float]:
    powers = [math.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


@every
def test_every_conditioning_gives_the_logits_of_every_space_in_the_order_of_the_spaces(name: str) -> None:
    found = logits(build(name), features())
    assert {space: tuple(values.shape) for space, values in found.items()} == {
        space: (6, labels) for space, labels in LEVELS.items()
    }
    assert list(found) == list(LEVELS)


@every
def test_every_weight_learns_when_all_spaces_are_trained(name: str) -> None:
    conditioning = build(name)
    found = logits(conditioning, features())
    sum(F.cross_entropy(values, torch.arange(6) % values.shape[1]) for values in found.values()).backward()
    for parameter in conditioning.parameters():
        assert parameter.grad is not None
        assert parameter.grad.any()


@every
def test_an_images_logits_do_not_depend_on_the_other_images(name: str) -> None:
    conditioning = build(name)
    whole, alone = logits(conditioning, features()), logits(conditioning, features()[2:3])
    for space in LEVELS:
        torch.testing.assert_close(whole[space][2:3], alone[space])


@pytest.mark.parametrize("name", CHAINS)
def test_a_chained_head_sees_the_features_and_then_the_probabilities_before_it(name: str) -> None:
    conditioning = build(name)
    found = logits(conditioning, features())
    for image, values in enumerate(features().tolist()):
        before: list[float] = []
        for space in CHAINS[name]:
            expected = affine(conditioning[space], values + before)
            assert found[space][image].tolist() == pytest.approx(expected, abs=1e-6)
            before = softmax(expected)


@pytest.mark.parametrize("name", CHAINS)
def test_a_label_teaches_the_heads_before_it_in_the_chain_and_none_after(name: str) -> None:
    order = CHAINS[name]
    for place, trained in enumerate(order):
        conditioning = build(name)
        F.cross_entropy(
            logits(conditioning, features())[trained], torch.zeros(6, dtype=torch.long)
        ).backward()
        learned = [space for space in order if conditioning[space].weight.grad is not None]
        assert learned == list(order[: place + 1])


def test_gated_experts_are_the_sum_of_what_each_expert_says_weighed_by_its_coarse_label() -> None:
    conditioning = build("GatedExperts")
    found = logits(conditioning, features())
    for image, values in enumerate(features().tolist()):
        gate = softmax(affine(conditioning["coarse"], values))
        for space in ("middle", "fine"):
            experts = [softmax(affine(expert, values)) for expert in conditioning[space]]
            assert len(experts) == len(gate)
            gate = [
                sum(weight * expert[label] for weight, expert in zip(gate, experts, strict=True))
                for label in range(LEVELS[space])
            ]
            assert sum(gate) == pytest.approx(1)
            assert found[space][image].exp().tolist() == pytest.approx(gate, abs=1e-6)


def test_the_logits_of_a_mixture_are_its_logarithm_also_where_probabilities_are_below_float32() -> None:
    conditioning = build("GatedExperts")
    with torch.no_grad():
        for parameter in conditioning.parameters():
            parameter.mul_(400)
    found = logits(conditioning, features())
    for space in ("middle", "fine"):
        assert found[space].isfinite().all()
        torch.testing.assert_close(found[space].exp().sum(dim=1), torch.ones(6))
        torch.testing.assert_close(found[space].log_softmax(dim=1), found[space])
        assert found[space].exp().eq(0).any()


@pytest.mark.parametrize("name", [*CHAINS, "GatedExperts"])
def test_half_precision_features_are_taken(name: str) -> None:
    conditioning = build(name)
    with torch.autocast("cpu", torch.bfloat16):
        found = logits(conditioning, features().bfloat16())
    exact = logits(conditioning, features())
    for space in LEVELS:
        torch.testing.assert_close(found[space].float(), exact[space], rtol=0.1, atol=0.1)


def test_independent_heads_have_the_names_and_bits_of_linear_layers_made_in_turn() -> None:
    state = build("Independent").state_dict()
    torch.manual_seed(0)
    expected = nn.ModuleDict(
        {space: nn.Linear(WIDTH, labels) for space, labels in LEVELS.items()}
    ).state_dict()
    assert (
        list(state)
        == list(expected)
        == [f"{space}.{part}" for space in LEVELS for part in ("weight", "bias")]
    )
    assert all(torch.equal(value, expected[name]) for name, value in state.items())


@every
def test_any_model_takes_a_conditioning_and_keeps_its_heads_in_one_last_layer(name: str) -> None:
    torch.manual_seed(0)
    component = Component.of("TinyNet", width=1)
    model = MODELS.build(component, heads=heads(name), image_size=(16, 16), fresh=True)
    assert isinstance(model, Classifier)
    assert isinstance(model.heads, CONDITIONINGS.get(name))
    assert {id(p) for p in layers(model)[-1]} == {id(p) for p in model.heads.parameters()}
    images = torch.randint(0, 255, (2, 3, 16, 16), dtype=torch.uint8)
    seen = model.eval().backbone(model.normalise(images))
    for space, values in logits(model.heads, seen).items():
        torch.testing.assert_close(model(images)[space], values)


def test_each_space_may_have_a_backbone_of_its_own_in_a_chain() -> None:
    component = Component.of(
        "SeparateBackbones", backbones="coarse+middle: mobilenetv3_small_050, fine: resnet10t"
    )
    model = MODELS.build(component, heads=heads("FineToCoarse"), image_size=(32, 32), fresh=True)
    widths = {space: head.in_features for space, head in model.heads.items()}
    assert widths == {"coarse": 1024 + LEVELS["middle"], "middle": 1024 + LEVELS["fine"], "fine": 512}
    model.eval()(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))


def test_other_heads_may_be_chained() -> None:
    conditioning = build("FineToCoarse", fine=Component.of("Shallow", hidden=3), coarse=Component("Cosine"))
    assert type(conditioning["fine"]).__name__ == "Shallow"
    assert conditioning["coarse"].in_features == WIDTH + LEVELS["middle"]
    assert logits(conditioning, features())["coarse"].abs().max() <= 30


def test_the_logits_of_a_mixture_are_no_cosines() -> None:
    cosine = dict.fromkeys(LEVELS, Component("Cosine"))
    scales = {
        name: [heads(name, **cosine).scale(space) for space in LEVELS] for name in CONDITIONINGS.names()
    }
    assert scales.pop("GatedExperts") == [30, None, None]
    assert all(found == [30, 30, 30] for found in scales.values())


@pytest.mark.parametrize("name", [*CHAINS, "GatedExperts"])
def test_one_space_alone_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"\[conditioning\] {name}: .*one label space \(label\).*Independent.*9"
    ):
        build(name, {"label": 3})


@pytest.mark.parametrize("name", [*CHAINS, "GatedExperts"])
def test_heads_on_tokens_are_refused_where_they_would_be_joined(name: str) -> None:
    decoder = Component("MLDecoder", {"width": Value("8", "")}, "head.fine", "config.ini line 12")
    with pytest.raises(ConfigError, match=rf"\[conditioning\] {name} .*MLDecoder, the head of fine.*line 9"):
        heads(name, fine=decoder).build(WIDTH, WIDTH)
    assert heads("Independent", fine=decoder).build(WIDTH, WIDTH)
