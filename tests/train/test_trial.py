"""What a step takes is measured without leaving a trace, and a batch is chosen by it."""

from itertools import count

import pytest
import torch
from torch import nn

from tests.train.rig import CPU, SIZE, tiny, without_batch_norm
from train.trial import answer, drawn, evaluated, fastest, most_that_fit, on_trial, peak_of, step_on


def linear(fixed, each, asked):
    """A step's peak in bytes, as a straight line of its images."""

    def peak(images):
        asked.append(images)
        return fixed + each * images

    return peak


@pytest.mark.parametrize("images", [64, 48, 256, 30])
@pytest.mark.parametrize("free", [150, 1_000, 5_000, 10**9])
def test_the_largest_part_of_a_step_that_fits_is_taken_after_two_measurements(images, free):
    asked = []
    batch = most_that_fit(linear(100, 20, asked), free, images)
    fitting = [size for size in range(1, images + 1) if images % size == 0 and 100 + 20 * size <= free]
    assert batch == max(fitting, default=1)
    assert len(asked) == 2


def test_a_step_of_few_images_is_not_measured():
    assert most_that_fit(linear(0, 1, asked := []), 0, 2) == 2
    assert not asked


def test_a_device_that_is_full_with_few_images_takes_one_at_a_time():
    assert most_that_fit(lambda images: 10**12 + 1, 10**12, 64) == 1


def test_the_memory_of_a_step_grows_with_its_images():
    model = without_batch_norm()
    peaks = [peak_of(model, drawn(images, SIZE, CPU.device), CPU) for images in (4, 8, 16)]
    assert peaks[2] - peaks[1] == pytest.approx(2 * (peaks[1] - peaks[0]), rel=0.01)
    assert peaks[1] > peaks[0] > 4 * 3 * SIZE[0] * SIZE[1]


def test_a_trial_leaves_weights_gradients_and_random_numbers_as_they_were():
    model = without_batch_norm(dropout=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with on_trial(model):
        step_on(model, drawn(8, SIZE, CPU.device), CPU)
    assert torch.equal(torch.rand(4), expected)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())


def works(clock, order, **took):
    """Return works that take these seconds, one after the other."""

    def work(name, seconds):
        def do():
            order.append(name)
            clock[0] += next(seconds)

        return do

    return [work(name, iter(seconds)) for name, seconds in took.items()]


def test_a_model_is_evaluated_without_norms_and_trains_afterwards():
    model, images = tiny(), drawn(4, SIZE, CPU.device)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    with on_trial(model), evaluated(model, images):
        assert not model.training
        assert norms
        assert all("forward" in vars(norm) for norm in norms)
        answer(model, images, CPU)
    assert all(module.training for module in model.modules())
    assert not any("forward" in vars(norm) for norm in norms)


def test_works_are_timed_in_turns_and_the_first_time_does_not_count():
    order, now = [], [0.0]
    both = works(now, order, a=[100.0, 3.0, 2.0], b=[1.0, 4.0, 9.0])
    assert fastest(both, 2, clock=lambda: now[0]) == [2.0, 4.0]
    assert order == ["a", "b"] * 3
    assert len(fastest([int], 1, clock=count().__next__)) == 1


@pytest.mark.parametrize("near", [3.5, 4.5])
def test_works_that_are_far_from_each_other_are_not_timed_again(near):
    order, now = [], [0.0]
    both = works(now, order, a=[9.0, 3.0, 3.0, 3.0], b=[1.0, near, 5.0, 7.0])
    assert fastest(both, 3, clock=lambda: now[0]) == [3.0, near]
    assert order == ["a", "b"] * 4
    order.clear()
    both = works(now, order, a=[0.09, 0.04, 0.04, 0.04], b=[0.01, 0.5, 0.06, 0.05])
    assert fastest(both, 3, clock=lambda: now[0]) == pytest.approx([0.04, 0.05])  # a hiccup of a short one
    order.clear()
    both = works(now, order, a=[9.0, 3.0], b=[1.0, 4.6])
    assert fastest(both, 3, clock=lambda: now[0]) == [3.0, pytest.approx(4.6)]
    assert order == ["a", "b"] * 2
