"""Full-integer quantisation, as TensorFlow's converter wants to be asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def request_int8(converter: Any, samples: Callable[[], Iterable[list[Any]]]) -> None:
    """Asks a converter for int8 everywhere, inputs and outputs included.

    Args:
        converter: A `TFLiteConverter`, TensorFlow's or ours.
        samples: Gives typical inputs: for each a list with one float32 array for each input of the
            model, of batch size 1.
    """
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
