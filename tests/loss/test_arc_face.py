"""ArcFace against the paper's formula with angles, one image and one label at a time, and by hand."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from loss.base import LOSSES, Loss, PerHeadLoss
from utils.errors import ConfigError
from utils.registry import Component

MARGINS = pytest.mark.parametrize("margin", [0.0, 0.3, 0.5, 1.5])


def build(margin: float = 0.5, scale: float | None = 30.0, name: str = "ArcFace", **options: object) -> Loss:
    options |= {"margin": margin} if name == "ArcFace" else {}
    return LOSSES.build(Component.of(name, **options), space="age", scale=scale)


def by_angles(cosines: list[float], right: int, margin: float, scale: float) -> float:
    """The paper's equation 3 for one image, and its published code's line beyond pi."""
    angle = math.acos(cosines[right])
    widened = math.cos(angle + margin)
    if angle + margin > math.pi:
        widened = cosines[right] - margin * math.sin(margin)
    exponents = [scale * value for value in cosines]
    exponents[right] = scale * widened
    top = max(exponents)
    return top + math.log(math.fsum(math.exp(value - top) for value in exponents)) - exponents[right]


def reference(cosines: Tensor, targets: Tensor, margin: float, scale: float) -> float:
    cost = 0.0
    for row, shares in zip(cosines.tolist(), targets.tolist(), strict=True):
        for right, share in enumerate(shares):
            cost += share * by_angles(row, right, margin, scale) if share else 0.0
    return cost / float(targets.sum())


def example(labels: int, count: int = 40) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(labels)
    cosines = 2 * torch.rand(count, labels, generator=generator, dtype=torch.float64) - 1
    return cosines, F.one_hot(torch.randint(labels, (count,), generator=generator), labels).double()


def soft(labels: int, count: int = 40) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return (3 * torch.rand(count, labels, generator=generator, dtype=torch.float64)).softmax(dim=1)


@MARGINS
@pytest.mark.parametrize("labels", [2, 3, 18])
@pytest.mark.parametrize("scale", [1.0, 30.0, 64.0])
def test_it_is_the_papers_formula_of_each_image(margin: float, labels: int, scale: float) -> None:
    cosines, targets = example(labels)
    for wanted in (targets, soft(labels), 0.3 * targets):
        got = build(margin, scale)(scale * cosines, wanted)
        assert float(got) == pytest.approx(reference(cosines, wanted, margin, scale), rel=1e-9)


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [
        # 60 degrees and 30 more are 90, the other label is at 90: two equal logits
        ((0.5, 0.0), math.log(2)),
        # 90 and 30 more are 120: -1/2 against 1/2, times 2
        ((0.0, 0.5), math.log1p(math.exp(2))),
        # 0 and 30 more: sqrt(3)/2 against -1
        ((1.0, -1.0), math.log1p(math.exp(2 * (-1 - math.sqrt(3) / 2)))),
        # 180 and 30 more are beyond 180: -1 - pi/6 * 1/2
        ((-1.0, 1.0), math.log1p(math.exp(2 * (2 + math.pi / 12)))),
    ],
)
def test_it_by_hand_with_a_margin_of_30_degrees(cosines: tuple[float, float], expected: float) -> None:
    logits = 2 * torch.tensor([cosines], dtype=torch.float64)
    got = build(math.pi / 6, scale=2.0)(logits, torch.tensor([[1.0, 0.0]]))
    assert float(got) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("labels", [2, 3, 18])
def test_without_a_margin_it_is_cross_entropy(labels: int) -> None:
    cosines, targets = example(labels)
    for wanted in (targets, soft(labels)):
        expected = F.cross_entropy(30 * cosines, wanted)
        torch.testing.assert_close(build(0)(30 * cosines, wanted), expected)


def test_mixed_images_cost_the_shares_of_their_labels() -> None:
    cosines, targets = example(3)
    other = targets.roll(1, dims=1)
    mixed = build()(30 * cosines, 0.7 * targets + 0.3 * other)
    parts = 0.7 * build()(30 * cosines, targets) + 0.3 * build()(30 * cosines, other)
    torch.testing.assert_close(mixed, parts)


def test_a_wider_angle_never_costs_less() -> None:
    angles = torch.linspace(0, math.pi, 301, dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    for margin in (0.1, 0.5, 1.0, math.pi / 2):
        costs = [float(build(margin, 1.0)(torch.tensor([[c, 0.0]]), targets)) for c in angles.cos()]
        assert all(before <= after for before, after in itertools.pairwise(costs))


@MARGINS
def test_the_gradient_is_that_of_the_value(margin: float) -> None:
    cosines, targets = example(3, count=6)
    loss = build(margin, 5.0)
    for wanted in (targets, soft(3, 6)):
        logits = (5 * cosines).requires_grad_()
        assert torch.autograd.gradcheck(lambda x, t=wanted: loss(x, t), logits)


@MARGINS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("right", [1.0, 1 + 2e-7, 1 - 6e-8, -1.0, -1 - 2e-7, 0.0])
@pytest.mark.parametrize("wrong", [1.0, -1.0])
def test_the_gradient_is_finite_where_the_angle_is_0_or_pi(
    margin: float, dtype: torch.dtype, right: float, wrong: float
) -> None:
    logits = (30 * torch.tensor([[right, wrong, wrong]], dtype=dtype)).requires_grad_()
    loss = build(margin)(logits, torch.tensor([[1.0, 0.0, 0.0]], dtype=dtype))
    loss.backward()
    assert loss.isfinite()
    assert loss >= 0
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("lead", [5.0, 10.0, 20.0, 50.0])
def test_a_certain_answer_keeps_its_digits_in_float32(lead: float) -> None:
    """1 - p is lost when p rounds to 1, but neither the cost nor its gradient is."""
    cosines = torch.tensor([[1.0, -0.2, -0.5]], dtype=torch.float64)
    costs, gradients = [], []
    for dtype in (torch.float32, torch.float64):
        logits = (lead * cosines).to(dtype).requires_grad_()
        loss = build(0.3, lead)(logits, torch.tensor([[1.0, 0.0, 0.0]], dtype=dtype))
        loss.backward()
        assert logits.grad is not None
        costs.append(loss.item())
        gradients.append(logits.grad.double()[:, 1:])
    assert costs[0] == pytest.approx(costs[1], rel=1e-3)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=0)


def test_half_precision_logits_cost_what_they_would_in_full() -> None:
    cosines, targets = example(3)
    for dtype in (torch.float16, torch.bfloat16):
        half = (30 * cosines).to(dtype).requires_grad_()
        loss = PerHeadLoss({"a": build()}, {"a": 1})({"a": half}, {"a": targets.float()})
        loss.backward()
        assert loss.item() == pytest.approx(build()(half.double(), targets).item(), rel=1e-5)
        assert half.grad is not None
        assert half.grad.isfinite().all()


def test_labels_that_do_not_occur_in_a_batch_are_pushed_away_and_cost_nothing_else() -> None:
    cosines, _ = example(4, count=5)
    logits = (30 * cosines).requires_grad_()
    targets = torch.eye(4, dtype=torch.float64)[[1, 1, 0, 1, 0]]
    loss = build()(logits, targets)
    loss.backward()
    assert loss.item() == pytest.approx(reference(cosines, targets, 0.5, 30.0))
    assert logits.grad is not None
    assert (logits.grad[:, 2:] >= 0).all()


def test_it_is_refused_for_a_head_without_cosines_and_says_what_to_write() -> None:
    for name, options in {"ArcFace": {}, "Sum": {"parts": "ArcFace:1, F1:1"}}.items():
        with pytest.raises(ConfigError, match=r"cosines: set \[head\.age\] name = Cosine, or \[head\] name"):
            build(scale=None, name=name, **options)


def test_it_can_be_a_part_of_a_sum() -> None:
    cosines, targets = example(3)
    both = build(name="Sum", parts="ArcFace:0.5, CrossEntropy:2")
    expected = 0.5 * build()(30 * cosines, targets) + 2 * F.cross_entropy(30 * cosines, targets)
    torch.testing.assert_close(both(30 * cosines, targets), expected)


@pytest.mark.parametrize("margin", [-0.1, 28.6])  # degrees
def test_a_margin_that_is_no_angle_in_radians_up_to_90_degrees_is_refused(margin: float) -> None:
    with pytest.raises(ConfigError, match=rf"margin: {margin:g} is not from 0 up to 1\.57"):
        build(margin)
