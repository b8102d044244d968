"""The mean of models: their probabilities added up by hand, and one model by itself."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset.tasks.spaces import AnyOf, OneOf
from inference.mean import mean_predictions, mean_probabilities
from inference.predict import Predictions

SPACES = (OneOf("one", ("a", "b", "c")), AnyOf("any", ("d", "e")))


def drawn(seed: int, images: int = 6) -> Predictions:
    generator = torch.Generator().manual_seed(seed)
    logits = {space.name: 5 * torch.randn(images, len(space.labels), generator=generator) for space in SPACES}
    return Predictions(np.arange(images), logits, {})


def test_the_mean_of_one_model_is_that_model():
    model = drawn(0)
    assert mean_predictions(SPACES, [model]) is model
    probabilities = {space.name: space.probabilities(model.logits[space.name]) for space in SPACES}
    for name, values in mean_probabilities([probabilities]).items():
        assert torch.equal(values.float(), probabilities[name])


@given(st.lists(st.integers(0, 999), min_size=2, max_size=5))
def test_probabilities_are_averaged_and_not_logits_in_any_order_of_models(seeds):
    models = [drawn(seed) for seed in seeds]
    found, turned = mean_predictions(SPACES, models), mean_predictions(SPACES, models[::-1])
    assert np.array_equal(found.rows, models[0].rows)
    for space in SPACES:
        own = [space.probabilities(model.logits[space.name]).numpy().astype(np.float64) for model in models]
        for mean in (found, turned):
            values = space.probabilities(mean.logits[space.name]).numpy()
            np.testing.assert_allclose(values, np.mean(own, axis=0), atol=2e-7)
