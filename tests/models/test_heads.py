"""What every head keeps, each head by itself, and which head a label space gets."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.base import MODELS, Classifier
from models.conditionings.base import CONDITIONINGS
from models.heads.base import HEADS, Head, Heads
from utils.errors import ConfigError
from utils.registry import Component

LABELS = {"mask": 3, "gender": 2, "age": 3}


def build(name: str, *, features: int = 8, labels: int = 3, **options: object) -> Head:
    torch.manual_seed(0)
    return HEADS.build(Component.of(name, **options), features=features, labels=labels)


def features(count: int = 5, width: int = 8) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(1))


def seen_by(head: Head, count: int = 5) -> Tensor:
    """What a head is made for: features, or tokens."""
    return features(count) if head.pooled else features(count * 6).view(count, 6, 8)


def tiny_net(heads: Heads | dict[str, int]) -> Classifier:
    torch.manual_seed(0)
    model = MODELS.build(Component.of("TinyNet", width=1), heads=heads, image_size=(16, 16), fresh=True)
    assert isinstance(model, Classifier)
    return model


every_head = pytest.mark.parametrize("name", HEADS.names())


@every_head
@pytest.mark.parametrize("labels", [2, 18])
def test_a_head_turns_features_into_logits_of_its_labels_and_every_weight_learns(
    name: str, labels: int
) -> None:
    head = build(name, labels=labels)
    logits = head(seen_by(head))
    assert logits.shape == (5, labels)
    F.cross_entropy(logits, torch.arange(5) % labels).backward()
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any()


@every_head
def test_in_evaluation_an_images_logits_do_not_depend_on_the_others(name: str) -> None:
    head = build(name).eval()
    torch.testing.assert_close(head(seen_by(head))[:1], head(seen_by(head)[:1]))


@every_head
def test_a_head_trains_on_the_smallest_batch_that_it_says_it_can(name: str) -> None:
    head = build(name)
    assert head(seen_by(head, head.smallest_batch)).isfinite().all()
    if head.smallest_batch > 1:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            head(seen_by(head, head.smallest_batch - 1))


@every_head
def test_a_heads_scale_says_whether_its_logits_are_cosines(name: str) -> None:
    head = build(name).eval()
    far = head(1000 * seen_by(head))
    if head.scale is None:
        assert not torch.allclose(far, head(seen_by(head)), rtol=1e-3)
    else:
        torch.testing.assert_close(far, head(seen_by(head)))
        assert far.abs().max() <= head.scale * (1 + 1e-6)


def test_a_linear_head_has_the_bits_and_the_names_of_torchs_layer() -> None:
    head = build("Linear")
    torch.manual_seed(0)
    expected = nn.Linear(8, 3).state_dict()
    assert head.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in head.state_dict().items())


def test_a_shallow_head_is_two_layers_with_norm_relu_and_dropout_between() -> None:
    head = build("Shallow", hidden=4, dropout=0.5)
    state = head.state_dict()
    hidden = features() @ state["0.weight"].T
    normal = (hidden - hidden.mean(dim=0)) / (hidden.var(dim=0, correction=0) + 1e-5).sqrt()
    torch.manual_seed(3)
    kept = F.dropout(normal.relu(), 0.5)
    torch.manual_seed(3)
    torch.testing.assert_close(head(features()), kept @ state["4.weight"].T + state["4.bias"])
    assert build("Shallow").state_dict()["0.weight"].shape == (512, 8)


def test_a_shallow_head_without_norm_is_two_layers_and_takes_a_batch_of_one() -> None:
    head = build("Shallow", hidden=4, norm=False)
    state = head.state_dict()
    hidden = (features()[:1] @ state["0.weight"].T + state["0.bias"]).relu()
    torch.testing.assert_close(head(features()[:1]), hidden @ state["4.weight"].T + state["4.bias"])
    Heads(LABELS, default=Component.of("Shallow", norm=False)).check_batch(1)


def test_a_cosine_head_measures_angles() -> None:
    head = build("Cosine", features=2, labels=2, scale=10)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 0.2]]))
    at_30_degrees = torch.tensor([[math.sqrt(3), 1.0]])
    torch.testing.assert_close(head(at_30_degrees), torch.tensor([[10 * math.sqrt(3) / 2, 5.0]]))


def test_the_cosines_of_features_without_direction_are_0_with_a_finite_gradient() -> None:
    head, nothing = build("Cosine"), torch.zeros(2, 8, requires_grad=True)
    logits = head(nothing)
    assert not logits.any()
    F.cross_entropy(logits, torch.tensor([0, 1])).backward()
    assert nothing.grad is not None
    assert nothing.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_cosines_are_computed_in_full_precision(dtype: torch.dtype) -> None:
    head, half = build("Cosine"), features().to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(half)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, head(half.float()), rtol=0, atol=0)


@pytest.mark.parametrize("conditioning", CONDITIONINGS.names())
def test_heads_run_in_float32_whatever_the_backbone_runs_in(conditioning: str) -> None:
    # logits of 8 bits would be steps of 0.03 apart: ties, and coarse thresholds
    heads = Heads({"a": 3, "b": 2}, conditioning=Component(conditioning))
    model = MODELS.build(Component.of("TinyNet", width=4), heads=heads, image_size=(16, 16)).eval()
    seen: dict[str, torch.Tensor] = {}
    model.heads.register_forward_pre_hook(lambda _, inputs: seen.update(inputs[0]))
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(torch.rand(2, 3, 16, 16))
    assert {values.dtype for values in (*seen.values(), *logits.values())} == {torch.float32}
    expected = model.heads(seen)
    assert all(torch.equal(logits[space], expected[space]) for space in expected)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("Cosine", {"scale": 0}, "scale: 0 is not from 0.001"),
        ("Shallow", {"hidden": 0}, "hidden: 0 is not from 1"),
        ("Shallow", {"dropout": 1}, "dropout: 1 is not from 0 up to 0.99"),
        ("Linear", {"hidden": 8}, "Unknown key for Linear 'hidden'"),
        ("Shalow", {}, "Did you mean 'Shallow'"),
    ],
)
def test_wrong_options_of_a_head_are_refused(name: str, options: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(name, **options)


def test_heads_are_a_mapping_from_space_to_number_of_labels() -> None:
    heads = Heads(LABELS, {"age": Component("Cosine")})
    assert dict(heads) == LABELS == heads
    assert list(heads) == list(LABELS)
    assert len(heads) == 3
    assert "size" not in heads


def test_a_plain_mapping_means_linear_heads_made_after_the_backbone_in_the_order_of_the_spaces() -> None:
    plain, named = tiny_net(LABELS), tiny_net(Heads(LABELS))
    torch.manual_seed(0)
    nn.Sequential(*(nn.Conv2d(a, b, 3, bias=False) for a, b in ((3, 1), (1, 2), (2, 4), (4, 8))))
    expected = {space: nn.Linear(8, k) for space, k in LABELS.items()}
    for model in (plain, named):
        for space, head in expected.items():
            assert torch.equal(model.heads[space].weight, head.weight)
            assert torch.equal(model.heads[space].bias, head.bias)


def test_each_space_gets_the_head_chosen_for_it_and_the_others_the_default() -> None:
    chosen = {"age": Component.of("Cosine", scale=16), "mask": Component("Linear")}
    heads = Heads(LABELS, chosen, default=Component.of("Shallow", hidden=4))
    model = tiny_net(heads)
    kinds = {space: type(head).__name__ for space, head in model.heads.items()}
    assert kinds == {"mask": "Linear", "gender": "Shallow", "age": "Cosine"}
    assert {space: heads.scale(space) for space in heads} == {"mask": None, "gender": None, "age": 16}
    images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    assert {space: tuple(logits.shape) for space, logits in model(images).items()} == {
        space: (2, k) for space, k in LABELS.items()
    }


def test_asking_for_a_scale_draws_no_random_number() -> None:
    before = torch.get_rng_state()
    assert Heads(LABELS, default=Component("Cosine")).scale("age") == 30
    assert Heads(LABELS, default=Component("Shallow")).scale("age") is None
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_that_are_too_small_for_a_head_are_refused_with_what_to_change() -> None:
    Heads(LABELS).check_batch(1)
    heads = Heads(LABELS, {"age": Component("Shallow", {}, "head.age", "config.ini line 7")})
    heads.check_batch(2)
    with pytest.raises(ConfigError, match=r"\[head\.age\] Shallow .*at least 2.*not 1.*batch_size.*line 7"):
        heads.check_batch(1)


def test_a_model_may_have_another_default_head_which_a_chosen_one_replaces() -> None:
    component = Component.of("EfficientNetB4T")
    with torch.device("meta"):
        own = MODELS.build(component, heads=LABELS, image_size=(32, 32), fresh=True)
        chosen = MODELS.build(component, heads=Heads(LABELS), image_size=(32, 32), fresh=True)
    assert {type(head).__name__ for head in own.heads.values()} == {"Shallow"}
    assert {type(head).__name__ for head in chosen.heads.values()} == {"Linear"}
