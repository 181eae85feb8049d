"""torch's ONNX exporter, called in one place: quiet, one opset, no trace of this machine."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import nn

OPSET = 18
IR_VERSION = 10  # what opset 18 needs and every ONNX Runtime since 1.18 reads
MAX_BATCH = 65536
LOUD = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")


def to_onnx(
    program: nn.Module | torch.export.ExportedProgram | Callable[..., Any],
    arguments: Sequence[torch.Tensor],
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic: Sequence[Any] | None = None,
) -> onnx.ModelProto:
    """One ONNX graph of ``program``, with weights inside and without the exporter's notes.

    Args:
        program: a module, or a program that ``torch.export`` made.
        arguments: example inputs; sizes not named in ``dynamic`` are fixed to theirs.
        inputs: a name for each argument.
        outputs: a name for each output.
        dynamic: for each argument, its dynamic dimensions (``{0: Dim("batch")}``) or None; for a
            starred argument a tuple of these.

    Cost: about a second for Conv-4 after torch's own start-up of two.
    """
    with quiet():
        made = torch.onnx.export(
            program,  # type: ignore[arg-type]
            tuple(arguments),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple(dynamic) if dynamic else None,
            external_data=False,
            verbose=False,
        )
    if made is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model: onnx.ModelProto = made.model_proto
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "lazyleap", ""
    strip(model.graph)
    return model


def strip(graph: onnx.GraphProto) -> None:
    """Delete stack traces (with local paths), notes and type annotations: half the file."""
    del graph.value_info[:], graph.metadata_props[:]
    graph.doc_string = ""
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
        for attribute in node.attribute:
            if attribute.HasField("g"):
                strip(attribute.g)
    for value in (*graph.input, *graph.output, *graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that are not there and on its own deprecations."""
    loggers = [logging.getLogger(name) for name in LOUD]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
