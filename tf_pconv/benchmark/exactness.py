"""Whether an engine's int8 arithmetic is exact on this processor: measured, not claimed.

Without dot product instructions the fast way to multiply bytes adds pairs of products in 16 bits,
which saturate. Trained weights seldom reach that; a dense layer of normal weights, quantised as
the converter does, and inputs over the whole range do.
"""

from __future__ import annotations

import functools

import numpy as np

from tf_pconv.benchmark.contestants import ENGINES
from tf_pconv.benchmark.contestants.litert import open_reference
from tf_pconv.lite.model_builder import Conv, chain, quantize_weights
from tf_pconv.lite.verification import INT8_DIFFERENCE

_CHANNELS, _FILTERS, _SIDE = 64, 64, 12
_OUTPUT_WIDTH = 84.0  # Standard deviation of what the RELU cuts: a third of the outputs' range.


@functools.cache
def is_exact(engine: str, **options: str) -> bool:
    """Returns whether outputs of a convolution differ by no more than rounding explains.

    Args:
        engine: Name of an engine that reads int8 files and is installed.
        **options: What it is opened with.
    """
    model = _probe()
    reference = open_reference(model)
    inputs = reference.random_inputs(seed=0)
    outputs = []
    for contestant in (reference, ENGINES[engine].open(model, 1, **options)):
        contestant.set_inputs(inputs)
        contestant.invoke()
        outputs.append(contestant.outputs()[0].astype(np.int32))
    return int(np.abs(outputs[0] - outputs[1]).max()) <= INT8_DIFFERENCE


@functools.cache
def _probe() -> bytes:
    random = np.random.default_rng(0)
    shape = (_FILTERS, 3, 3, _CHANNELS)
    weights, scales = quantize_weights(random.standard_normal(shape, dtype=np.float32))
    bias = np.zeros(_FILTERS, np.int32)
    # Inputs are spread evenly over 0 to 255: the root of their mean square is 147.
    zero_point = int(np.iinfo(np.int8).min)
    output = (147 * float(np.sqrt(9 * _CHANNELS)) / _OUTPUT_WIDTH, zero_point)
    conv = Conv(weights, scales, bias, output, activation="RELU")
    return chain(conv, side=_SIDE, quantization=(1.0, zero_point)).serialize()
