"""Eval images are predicted while the others are decoded, to the bits that a store gives."""

import pytest

import experiment.infer
import inference.inferrer
from run import main
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people

ANSWERS = ("submission.csv", "test_predictions.csv")


FOLDS = pytest.param(("--folds", "0, 1"), marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[(), FOLDS], ids=["one", "folds"])
def trained(request, tmp_path_factory):
    """A finished run of one model or two, and the data."""
    work = tmp_path_factory.mktemp("run")
    lay_out_people(work / "data", eval_people=4, small=True)
    (work / "config.ini").write_text(SMALL_RUN.format(data=work / "data", work=work), encoding="utf-8")
    assert main(["--config", str(work / "config.ini"), *request.param]) == 0
    return work


@pytest.fixture
def asked(monkeypatch):
    """Where models were asked since the test began: while images came, or when all were there."""
    moments = []
    predict = experiment.infer.predict

    def noting(moment):
        def noted(*arguments, **options):
            moments.append(moment)
            return predict(*arguments, **options)

        return noted

    monkeypatch.setattr(experiment.infer, "predict", noting("meanwhile"))
    monkeypatch.setattr(inference.inferrer, "predict", noting("afterwards"))
    return moments


def _answers(work, *options):
    """The bytes of what --mode infer writes for the run and for each of its members."""
    given = [part for option in ("infer.batch_size=5", *options) for part in ("--set", option)]
    assert main(["--config", str(work / "config.ini"), "--mode", "infer", *given]) == 0
    run = work / "runs/test/001"
    return [path.read_bytes() for name in ANSWERS for path in sorted(run.rglob(name))]


@pytest.mark.parametrize("more", [(), ("infer.views=Flip",)])
def test_answers_have_the_same_bits_with_a_store_that_is_there_and_without_one(work, tmp_path, asked, more):
    cache = f"paths.cache={tmp_path}/cold"
    cold, others = _answers(work, cache, *more), len(list(work.glob("runs/test/001/fold-*"))) - 1
    first = list(asked)
    asked.clear()
    warm = _answers(work, cache, *more)

    assert first == ["meanwhile", *["afterwards"] * max(0, others)]  # the first model, and the others
    assert asked == ["afterwards"] * len(first)
    assert cold == warm
