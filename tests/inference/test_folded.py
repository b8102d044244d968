"""Batch norms as part of the convolutions before them: the same answers, and a model that is as it was."""

import copy
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from timm.layers import BatchNormAct2d, ScaledStdConv2d, create_conv2d
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from inference.folded import WatchedNorms, folded
from inference.predict import predict
from models.base import MODELS
from tests.inference.test_predict import batches
from utils.device import Precision
from utils.registry import Component

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def trained(model: nn.Module) -> nn.Module:
    """Return a model whose batch norms have numbers as after training, in eval mode."""
    random = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            module.running_mean.normal_(0, 0.3, generator=random)
            module.running_var.uniform_(0.5, 2, generator=random)
            if module.affine:
                module.weight.data.uniform_(0.5, 1.5, generator=random)
                module.bias.data.normal_(0, 0.3, generator=random)
    return model.eval()


def pairs(model: nn.Module, images: Tensor = IMAGES) -> list[tuple[nn.Module, nn.Module]]:
    watched = WatchedNorms(model)
    with torch.inference_mode(), watched:
        model(images)
    return watched.pairs()


def conv(channels: int, given: int = 3, **how: object) -> nn.Conv2d:
    return nn.Conv2d(given, channels, 3, padding=1, **how)


class Twice(nn.Module):
    """A block that is run twice, so that its convolution's outputs all go to its norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(3), nn.BatchNorm2d(3)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.conv(self.norm(self.conv(images)).relu()))


class Asks(nn.Module):
    """A convolution is asked something beside."""

    def __init__(self, ask: Callable[[nn.Conv2d, Tensor], object]) -> None:
        super().__init__()
        self.conv, self.norm, self.ask = conv(3), nn.BatchNorm2d(3), ask

    def forward(self, images: Tensor) -> Tensor:
        beside = self.ask(self.conv, images)
        logits: Tensor = self.norm(self.conv(images))
        return logits + beside if isinstance(beside, Tensor) else logits


class Swapped(nn.Module):
    """Weights are given to a block in each call: its own, or what they were in the beginning."""

    def __init__(self, *, kept: bool = False) -> None:
        super().__init__()
        self.block = nn.Sequential(conv(3), nn.BatchNorm2d(3))
        self.kept = [dict(self.block.named_parameters())] if kept else []

    def forward(self, images: Tensor) -> Tensor:
        weights = self.kept[0] if self.kept else dict(self.block.named_parameters())
        return torch.func.functional_call(self.block, weights, (images,))


FOLDED: dict[str, Callable[[], nn.Module]] = {
    "plain": lambda: nn.Sequential(conv(8), nn.BatchNorm2d(8), nn.ReLU()),
    "without a bias": lambda: nn.Sequential(conv(8, bias=False), nn.BatchNorm2d(8)),
    "without numbers of its own": lambda: nn.Sequential(conv(8), nn.BatchNorm2d(8, affine=False)),
    "mirrored borders": lambda: nn.Sequential(conv(8, padding_mode="reflect"), nn.BatchNorm2d(8)),
    "each channel by itself": lambda: nn.Sequential(conv(6, groups=3), nn.BatchNorm2d(6)),
    "timm's, with an activation": lambda: nn.Sequential(conv(8, bias=False), BatchNormAct2d(8)),
    "timm's, without": lambda: nn.Sequential(conv(8), BatchNormAct2d(8, apply_act=False)),
    "timm's, padded as TensorFlow does": lambda: nn.Sequential(
        create_conv2d(3, 8, 3, stride=2, padding="same"), nn.BatchNorm2d(8)
    ),
    "run twice": Twice,
    "asked for its type": lambda: Asks(lambda conv, images: (conv.weight.dtype, conv.weight.device)),
    "given its weights anew": lambda: Swapped(),
}


@pytest.mark.parametrize("name", FOLDED)
def test_the_convolution_does_what_the_norm_did(name: str) -> None:
    torch.manual_seed(0)
    model = trained(FOLDED[name]())
    exact = copy.deepcopy(model).double()(IMAGES.double())
    before = copy.deepcopy(model.state_dict())
    ((_, norm),) = pairs(model)

    with torch.inference_mode(), folded(pairs(model)):
        calls = []
        handle = norm.register_forward_hook(lambda *_: calls.append(torch.equal(_[1][0], _[2])))
        logits = model(IMAGES)
        handle.remove()

    torch.testing.assert_close(logits, exact.float(), rtol=1e-5, atol=1e-5)
    assert all(calls) or "activation" in name, "nothing is left for the norm to do"
    assert_as_before(model, before)


def assert_as_before(model: nn.Module, before: dict[str, Tensor]) -> None:
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any("forward" in vars(module) for module in model.modules())


class Skip(nn.Module):
    """What the convolution gives is used beside the norm as well."""

    def __init__(self, use: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.norm, self.use = conv(3), nn.BatchNorm2d(3), use

    def forward(self, images: Tensor) -> Tensor:
        seen = self.conv(images)
        return self.norm(seen) + self.use(seen)


class Uneven(nn.Module):
    """The norm also gets what no convolution gave, or the convolution's output goes past it once."""

    def __init__(self, *, norm_twice: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.norm_twice = conv(3), nn.BatchNorm2d(3), norm_twice

    def forward(self, images: Tensor) -> Tensor:
        if self.norm_twice:
            return self.norm(self.conv(self.norm(images)))
        return self.conv(self.norm(self.conv(images)))


class OneForTwo(nn.Module):
    """Two convolutions share a norm, or, with ``tied``, weights."""

    def __init__(self, *, tied: bool) -> None:
        super().__init__()
        self.first, self.second, self.norm = conv(3), conv(3), nn.BatchNorm2d(3)
        self.other = nn.BatchNorm2d(3) if tied else self.norm
        if tied:
            self.second.weight, self.second.bias = self.first.weight, self.first.bias

    def forward(self, images: Tensor) -> Tensor:
        return self.other(self.second(self.norm(self.first(images))))


class ByHand(nn.Module):
    """A norm's numbers, or a convolution's kept weights, are used without asking the module."""

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.by_hand = conv(3), nn.BatchNorm2d(3), norm
        self.weight, self.bias = self.conv.weight, self.conv.bias

    def forward(self, images: Tensor) -> Tensor:
        if self.by_hand:
            seen, norm = self.conv(images), self.norm
            return nn.functional.batch_norm(seen, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return self.norm(nn.functional.conv2d(images, self.weight, self.bias, padding=1))


class OthersStatistics(nn.Sequential):
    """Two norms share statistics, and differ in what they multiply by."""

    def __init__(self) -> None:
        super().__init__(conv(3), nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3))
        self[3].running_mean, self[3].running_var = self[1].running_mean, self[1].running_var
        self.conv = conv(3)

    def forward(self, images: Tensor) -> Tensor:
        return self[3](self[2](self[1](self[0](images)))) + self[1](self.conv(images))


class OnesOwn(torch.autograd.Function):
    """An activation with a gradient of its own."""

    @staticmethod
    def forward(ctx: object, images: Tensor) -> Tensor:
        return images * images.sigmoid()


def scripted(use: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of PyTorch would have another compiler used
        return torch.jit.trace(use, torch.zeros(2, 3, 32, 32))


def changed(part: str) -> nn.Module:
    """Return a model, one part of which does three times what its class does."""
    model = Twice()
    module = getattr(model, part)
    before = module.forward
    module.forward = lambda images: before(images) * 3
    return model


class Multiplied(nn.Conv2d):
    """A convolution of one's own, with other weights than it keeps, or without its bias."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.conv2d(images, self.weight, None, padding=1)


class AlwaysTraining(nn.Sequential):
    """Its norm uses the batch's own statistics in eval mode too."""

    def __init__(self) -> None:
        super().__init__(conv(8), nn.BatchNorm2d(8))

    def train(self, mode: bool = True) -> nn.Module:
        return super().train()


LEFT: dict[str, Callable[[], nn.Module]] = {
    "added": lambda: Skip(lambda seen: seen),
    "in a list": lambda: Skip(lambda seen: torch.cat([seen[:1], seen[1:]])),
    "by Python": lambda: Skip(lambda seen: torch.tensor(float(seen.mean()))),
    "by NumPy": lambda: Skip(lambda seen: torch.tensor(seen.numpy().max())),
    "by a script": lambda: Skip(scripted(lambda seen: seen * 2)),
    "by a function of vmap": lambda: Skip(torch.vmap(lambda seen: seen * 2)),
    "by an operation": lambda: Skip(lambda seen: torch.ops.aten.relu.default(seen)),
    "by a function with its own gradient": lambda: Skip(OnesOwn.apply),
    "into another tensor": lambda: Skip(lambda seen: torch.zeros(seen.shape).copy_(seen)),
    "as data": lambda: Skip(lambda seen: seen.data),
    "its weights turned round": lambda: Asks(
        lambda conv, images: nn.functional.conv_transpose2d(images, conv.weight, padding=1)
    ),
    "its weights by name": lambda: Asks(
        lambda conv, images: nn.functional.conv2d(images, weight=conv.weight, padding=1)
    ),
    "its bias added": lambda: Asks(lambda conv, images: images + conv.bias.sum()),
    "the norm's numbers": lambda: ByHand(norm=True),
    "the convolution's weights": lambda: ByHand(norm=False),
    "weights from the beginning": lambda: Swapped(kept=True),
    "a norm with a forward of its own": lambda: changed("norm"),
    "a convolution with a forward of its own": lambda: changed("conv"),
    "changed in place before": lambda: nn.Sequential(conv(8), nn.ReLU(inplace=True), nn.BatchNorm2d(8)),
    "the norm first": lambda: nn.Sequential(nn.BatchNorm2d(3), conv(8)),
    "the norm elsewhere too": lambda: Uneven(norm_twice=True),
    "the convolution elsewhere too": lambda: Uneven(norm_twice=False),
    "one norm for two": lambda: OneForTwo(tied=False),
    "standardised weights": lambda: nn.Sequential(ScaledStdConv2d(3, 8, 3), nn.BatchNorm2d(8)),
    "normed weights": lambda: nn.Sequential(parametrizations.weight_norm(conv(8)), nn.BatchNorm2d(8)),
    "a convolution of one's own": lambda: nn.Sequential(Multiplied(3, 8, 3), nn.BatchNorm2d(8)),
    "no statistics": lambda: nn.Sequential(conv(8), nn.BatchNorm2d(8, track_running_stats=False)),
    "statistics of the batch": lambda: AlwaysTraining(),
    "another kind of norm": lambda: nn.Sequential(conv(8), nn.GroupNorm(2, 8)),
    "transposed": lambda: nn.Sequential(nn.ConvTranspose2d(3, 8, 3), nn.BatchNorm2d(8)),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_a_norm_right_after_a_convolution_is_left(name: str) -> None:
    model = LEFT[name]().eval()
    assert pairs(model) == []


SHARED = {"weights": lambda: OneForTwo(tied=True), "statistics": OthersStatistics}


@pytest.mark.parametrize("name", [*SHARED, *(name for name in LEFT if name != "statistics of the batch")])
def test_whatever_is_shared_or_left_the_answer_is_the_same(name: str) -> None:
    torch.manual_seed(0)
    answering = trained((LEFT | SHARED)[name]())
    forwards = {module: vars(module).get("forward") for module in answering.modules()}
    with torch.inference_mode():
        plain = answering(IMAGES)
    before = copy.deepcopy(answering.state_dict())

    with torch.inference_mode(), folded(pairs(answering)):
        torch.testing.assert_close(answering(IMAGES), plain, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        assert torch.equal(answering(IMAGES), plain)
    after = answering.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert forwards == {module: vars(module).get("forward") for module in answering.modules()}


@pytest.mark.parametrize(
    ("dtype", "apart"), [(torch.float64, 1e-14), (torch.float16, 2e-3), (torch.bfloat16, 1e-2)]
)
def test_weights_of_another_type_are_as_exact_as_that(dtype: torch.dtype, apart: float) -> None:
    torch.manual_seed(0)
    model = trained(FOLDED["plain"]()).to(dtype)
    model[1].eps = 1e-9  # zero in float16
    exact = copy.deepcopy(model).double()(IMAGES.to(dtype).double())
    with torch.inference_mode(), folded(pairs(model, IMAGES.to(dtype))):
        said = model(IMAGES.to(dtype))
    assert said.dtype == dtype
    torch.testing.assert_close(said.double(), exact, rtol=apart, atol=apart)


def test_a_model_without_such_norms_has_the_same_bits_while_it_is_watched() -> None:
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(16, 2, batch_first=True).eval()
    words = torch.randn(2, 5, 16)
    with torch.inference_mode():
        plain = model(words)
        with WatchedNorms(model):
            assert torch.equal(model(words), plain)


def test_a_norm_asked_by_name_is_left_and_works() -> None:
    model = Twice()
    model.forward = lambda images: model.norm(input=model.conv(images))  # type: ignore[method-assign]
    assert pairs(model.eval()) == []


def test_weights_that_a_model_makes_anew_in_each_batch_are_the_ones_it_keeps() -> None:
    def halve(conv: nn.Conv2d, images: Tensor) -> None:
        conv.weight = nn.Parameter(conv.weight / 2)

    model = trained(Asks(halve))
    weight = model.conv.weight.detach().clone()
    assert pairs(model) == []
    assert torch.equal(model.conv.weight, weight / 2)


def test_a_number_too_large_for_the_convolution_leaves_the_norm() -> None:
    model = trained(FOLDED["plain"]())
    model[0].weight.data *= 1e30
    model[1].weight.data *= 1e20
    images = IMAGES * 1e-30
    with torch.inference_mode():
        plain = model(images)
        assert plain.isfinite().all()
        with folded(pairs(model)):
            assert torch.equal(model(images), plain)


def test_parameters_are_the_very_same_afterwards_whoever_else_asks_meanwhile() -> None:
    model = trained(FOLDED["plain"]())
    parameters = list(map(id, model.parameters()))
    early, late = WatchedNorms(model), WatchedNorms(model)
    with torch.inference_mode(), early:
        plain = model(IMAGES)

    first, second = folded(early.pairs()), folded(early.pairs())
    first.__enter__()
    late.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    late.__exit__(None, None, None)

    assert list(map(id, model.parameters())) == parameters
    with torch.inference_mode():
        assert torch.equal(model(IMAGES), plain)


def test_all_is_as_before_after_an_error_too() -> None:
    model = trained(FOLDED["plain"]())
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(KeyboardInterrupt), folded(pairs(model)):
        raise KeyboardInterrupt
    assert_as_before(model, before)


@pytest.mark.parametrize(
    ("name", "least"),
    [("TinyNet", 2), ("SmallResNet", 8), ("ResNet18", 20), ("MobileNetV3Small", 34), ("MobileNetV3", 46)],
)
@pytest.mark.parametrize(("dtype", "apart"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_a_model_says_the_same_of_many_batches(
    name: str, least: int, dtype: torch.dtype, apart: float
) -> None:
    torch.manual_seed(0)
    model = trained(MODELS.build(Component(name), heads={"a": 4}, image_size=(6, 4), fresh=True))
    rows, precision = np.arange(11), Precision(torch.device("cpu"), dtype)
    before = copy.deepcopy(model.state_dict())
    assert len(pairs(model, torch.zeros(2, 3, 32, 32))) >= least

    plain = predict(model, batches(rows, 11), precision, what="Test")
    many = predict(model, batches(rows, 2), precision, what="Test")

    scale = float(plain.logits["a"].abs().max())
    torch.testing.assert_close(many.logits["a"], plain.logits["a"], rtol=0, atol=apart * scale)
    assert_as_before(model, before)


@pytest.mark.parametrize("threads", [1, 2])
def test_training_goes_on_with_the_same_bits(threads: int) -> None:
    def trained_on(*, validated: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = MODELS.build(Component("TinyNet"), heads={"a": 4}, image_size=(6, 4), fresh=True)
        optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        for step in range(3):
            model.train()(batches(np.arange(4)).source.batch(np.arange(step, 4)))[
                "a"
            ].square().sum().backward()
            optimiser.step()
            optimiser.zero_grad()
            if validated:
                precision = Precision(torch.device("cpu"), torch.float32)
                predict(model, batches(np.arange(9), 2), precision, what="Test")
        return [values.clone() for values in (*model.parameters(), *model.buffers())]

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        both = zip(trained_on(validated=True), trained_on(validated=False), strict=True)
        assert all(torch.equal(one, other) for one, other in both)
    finally:
        torch.set_num_threads(before)


def test_a_model_that_computes_in_threads_of_its_own_says_so_and_is_as_exact() -> None:
    class InThreads(nn.Module):
        one_at_a_time = True

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = conv(3), nn.BatchNorm2d(3)

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            seen = self.conv(images.float())
            with ThreadPoolExecutor(1) as pool:
                doubled = pool.submit(torch.mul, seen, 2).result()
            return {"a": (self.norm(seen) + doubled).mean((2, 3))}

    torch.manual_seed(0)
    model, precision = trained(InThreads()), Precision(torch.device("cpu"), torch.float32)
    plain, many = (predict(model, batches(np.arange(11), size), precision, what="T") for size in (11, 2))
    torch.testing.assert_close(many.logits["a"], plain.logits["a"])
