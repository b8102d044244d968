"""How own and public scores go together, against the formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.submissions.agreement import agreement

SCORES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=3, max_size=12)


@given(SCORES)
def test_correlations_are_those_of_scipy_also_with_ties(pairs):
    own, public = (np.array(values) / 20 for values in zip(*pairs, strict=True))
    found = agreement(own, public)
    assert found.pairs == len(pairs)
    assert found.gap == pytest.approx(np.mean(own - public))
    if len(set(own)) == 1 or len(set(public)) == 1:
        assert math.isnan(found.pearson)
        assert math.isnan(found.spearman)
    else:
        assert found.pearson == pytest.approx(np.corrcoef(own, public)[0, 1], abs=1e-9)
        ranks = [[((values < v).sum() + (values <= v).sum()) / 2 for v in values] for values in (own, public)]
        assert found.spearman == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-9)


def test_ranks_see_an_order_that_values_bend():
    found = agreement([0.1, 0.2, 0.3, 0.4], [0.5, 0.51, 0.52, 0.9])
    assert found.spearman == pytest.approx(1)
    assert found.pearson < 0.9
