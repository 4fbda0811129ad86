"""Where packing pays: the delegate's own prediction, asked without an interpreter."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence

UNKNOWN_SIDE = 32
"""Stands for a height or width that only an input decides."""


def predict_least_speedup(
    fkw: bytes, strides: Sequence[int], is_padding_same: bool, input_shape: Sequence[int]
) -> float | None:
    """Predicts the gain of a packed convolution over a dense one, whatever the processor.

    Args:
        fkw: Its weights.
        strides: Its vertical and horizontal stride.
        is_padding_same: Whether its padding is SAME, not VALID.
        input_shape: Batch, height, width and channels; -1 where only an input decides. Dimensions
            that lack lie between the batch and the others.

    Returns:
        How many times faster than dense in XNNPACK the delegate expects to be on the processor
        where that is least, one thread; None where the delegate library is missing.
    """
    from tf_pconv.runtime import delegate_path

    try:
        predict = _load(delegate_path())
    except FileNotFoundError:
        return None
    batch, *sides, channels = input_shape
    # Where the file does not know the channels, a reshape makes them, and the batch is open, too.
    least_batch = UNKNOWN_SIDE if channels == -1 else 1
    height, width = (*(1,) * (2 - len(sides)), *sides)
    return predict(
        fkw,
        len(fkw),
        max(batch, least_batch),
        UNKNOWN_SIDE if height == -1 else height,
        UNKNOWN_SIDE if width == -1 else width,
        *strides,
        is_padding_same,
    )


@functools.cache
def _load(path: str) -> Callable[..., float]:
    library = ctypes.CDLL(path)
    try:
        predict = library.tf_pconv_predict_least_speedup
    except AttributeError:
        raise RuntimeError(
            f"{path} is not of this version of tf_pconv; build it again with `make delegate`."
        ) from None
    predict.restype = ctypes.c_double
    predict.argtypes = [ctypes.c_char_p, ctypes.c_size_t, *[ctypes.c_int32] * 6]
    return predict
