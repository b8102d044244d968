"""TensorBoard's HParams tab, read as TensorBoard itself does for its page."""

import logging
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context
from tensorboard.plugins.hparams.list_session_groups import Handler as Sessions

from run import main
from tests.experiment.smallest import SMALL_RUN
from tests.people import lay_out_people
from train.callbacks.hparams import HParamsRow
from train.monitor import Monitor


def tab(folder):
    """Return the names of the columns, those of the scores, and the rows, of the tab for a folder of runs."""
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(folder))
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    context = backend_context.Context(TBContext(data_provider=provider, flags=Namespace()))
    request = RequestContext()
    contents = context.hparams_metadata(request, "")
    experiment = context.experiment_from_metadata(
        request, "", True, contents, context.hparams_from_data_provider(request, "", 0)
    )
    scores = [info.name for info in experiment.metric_infos]
    columns = [api_pb2.ColParams(metric=name, order=api_pb2.ORDER_UNSPECIFIED) for name in scores]
    wanted = api_pb2.ListSessionGroupsRequest(
        slice_size=100, col_params=columns, allowed_statuses=range(4), include_metrics=True,
        aggregation_type=api_pb2.AGGREGATION_AVG,
    )  # fmt: skip
    answer = Sessions(request, context, "", wanted).run()
    return {info.name: info for info in experiment.hparam_infos}, [name.tag for name in scores], answer


def state_of(*values):
    history = [{"epoch": i + 1, "macro_f1": value, "loss": 1 - value} for i, value in enumerate(values)]
    return Namespace(history=history)


def row(folder, *values, complete=True, **config):
    row = HParamsRow(folder / "tensorboard", config, ("macro_f1", "loss"), Monitor("macro_f1"))
    for count in range(1, len(values) + 1):
        row.update(state_of(*values[:count]))
    row.close(complete=complete)


def test_each_run_is_a_row_with_its_config_and_its_best_scores(tmp_path):
    row(tmp_path / "001", 0.25, 0.75, 0.5, lr="0.01", model="ResNet", ema="yes")
    row(tmp_path / "002", 0.125, lr="0.1", model="ResNet", ema="yes", smoothing="0.1", complete=False)
    columns, scores, answer = tab(tmp_path)
    assert set(columns) == {"lr", "model", "ema", "smoothing"}  # also what only one of them has
    assert {name for name, info in columns.items() if info.differs} == {"lr"}
    assert columns["lr"].type == api_pb2.DATA_TYPE_FLOAT64
    assert columns["ema"].type == api_pb2.DATA_TYPE_BOOL
    assert scores == ["best/loss", "best/macro_f1"]
    rows = {group.hparams["lr"].number_value: group for group in answer.session_groups}
    assert {
        lr: {value.name.tag: value.value for value in group.metric_values} for lr, group in rows.items()
    } == {
        0.01: {"best/macro_f1": 0.75, "best/loss": 0.25},
        0.1: {"best/macro_f1": 0.125, "best/loss": 0.875},
    }
    assert rows[0.01].sessions[0].status == api_pb2.STATUS_SUCCESS
    assert rows[0.1].sessions[0].status != api_pb2.STATUS_SUCCESS


def test_runs_with_equal_configs_have_a_row_each(tmp_path):
    row(tmp_path / "001", 0.5, lr="0.1")
    row(tmp_path / "002", 0.25, lr="0.1")
    assert len(tab(tmp_path)[2].session_groups) == 2


def test_a_run_that_goes_on_stays_one_row_with_the_best_of_all(tmp_path):
    row(tmp_path / "001", 0.5, lr="0.1", complete=False)
    row(tmp_path / "001", 0.5, 0.75, lr="0.1")
    _, _, answer = tab(tmp_path)
    (group,) = answer.session_groups
    assert {value.name.tag: value.value for value in group.metric_values}["best/macro_f1"] == 0.75


def test_a_run_without_scores_has_no_row(tmp_path):
    row(tmp_path / "001")
    assert not (tmp_path / "001" / "tensorboard").exists()


@pytest.mark.slow
def test_training_fills_the_tab_with_what_is_trained_and_not_where(tmp_path):
    lay_out_people(tmp_path / "data")
    text = SMALL_RUN.format(data=tmp_path / "data", work=tmp_path)
    (tmp_path / "config.ini").write_text(text + "[callback.TensorBoard]\n", encoding="utf-8")
    assert main(["--config", str(tmp_path / "config.ini")]) == 0
    columns, scores, answer = tab(tmp_path / "runs")
    assert {"optimizer.lr", "model.name", "model.width", "train.batch_size", "loss.name"} <= set(columns)
    assert not [name for name in columns if name.startswith(("paths.", "infer.", "sweep.", "workers."))]
    assert scores == ["best/accuracy", "best/loss", "best/macro_f1"]
    (group,) = answer.session_groups
    assert group.hparams["model.name"].string_value == "TinyNet"
    assert group.hparams["model.width"].number_value == 4
    assert len(group.metric_values) == 3


def test_nothing_of_the_tab_is_imported_before_an_epoch_is_over():
    code = "import train.callbacks.tensorboard, train.callbacks.hparams, sys;"
    code += "print([m for m in sys.modules if m.startswith('tensorboard')])"
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out.strip() == "[]"
