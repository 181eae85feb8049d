"""What TensorBoard's hparams tab makes of several runs' events."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import backend_context, list_session_groups
from tensorboard.plugins.hparams.api_pb2 import ListSessionGroupsRequest

from stages.board import Board

RUNS = {
    "first-order": ({"estimator": "first_order", "horizon": 5}, {"test/accuracy@5": 0.5}),
    "lazy": (
        {"estimator": "lazy", "horizon": 9, "leaps": 2, "placement": ["start"], "lam": 0.5},
        {"test/accuracy@5": 0.75, "kept/validation_score": 0.25},
    ),
    "weights": (
        {"estimator": "exact", "weighted_step": "last", "outer": None},
        {"test/error": 0.1},
    ),
}


@pytest.fixture
def context(tmp_path: Path) -> backend_context.Context:
    for name, (setting, metrics) in RUNS.items():
        with closing(Board(tmp_path / name)) as board:
            board.summary(setting, metrics)
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path))
    return backend_context.Context(base_plugin.TBContext(data_provider=provider))


def test_every_option_of_every_run_is_a_column(context: backend_context.Context) -> None:
    request = RequestContext()
    contents = context.hparams_metadata(request, "")
    found = context.experiment_from_metadata(request, "", True, contents, [])
    columns = {info.name for info in found.hparam_infos}
    wanted = {"estimator", "horizon", "leaps", "placement", "lam", "weighted_step"}
    assert columns == wanted
    metrics = {info.name.tag for info in found.metric_infos}
    assert metrics == {"test/accuracy@5", "test/error", "kept/validation_score"}


def test_a_row_has_the_run_s_options_and_scores(context: backend_context.Context) -> None:
    request = RequestContext()
    asked = ListSessionGroupsRequest(slice_size=10, start_index=0)
    asked.allowed_statuses.extend([0, 1, 2, 3])
    handler = list_session_groups.Handler(request, context, "", asked)
    rows = {
        group.hparams["estimator"].string_value: group for group in handler.run().session_groups
    }
    assert rows.keys() == {"first_order", "lazy", "exact"}
    lazy = rows["lazy"]
    assert lazy.hparams["leaps"].number_value == 2
    assert lazy.hparams["placement"].string_value == "['start']"
    scores = {value.name.tag: value.value for value in lazy.metric_values}
    assert scores == pytest.approx({"test/accuracy@5": 0.75, "kept/validation_score": 0.25})
