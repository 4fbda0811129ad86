"""Whole networks to time: converted, with random weights that follow a plan exactly."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from tf_pconv.benchmark.layer_case import DTYPES
from tf_pconv.lite.full_integer import request_int8
from tf_pconv.lite.quiet import quiet_tensorflow

if TYPE_CHECKING:
    import keras

COMPRESSIONS = {
    "vgg16-32": 8.0,
    "resnet18-32": 8.0,
    "vgg16": 8.0,
    "resnet50": 4.4,
    "mobilenet_v2": 3.0,
    "inception_v3": 4.0,
    "densenet121": 4.0,
    "mobilenet_v3": 3.0,
}
"""At which each network is pruned unless another one is asked for."""

NAMES = tuple(COMPRESSIONS)

_WITH_HIDDEN_DENSE = ("vgg16",)  # Networks whose classifier is not their only Dense layer.
_SAMPLES = 4


@dataclasses.dataclass(frozen=True)
class NetworkCase:
    """A network with random weights.

    Attributes:
        network: One of `NAMES`; names without a side are for 224x224 images.
        dtype: `"int8"` (quantised by TensorFlow's converter) or `"float32"`.
        group_size: Filters that share patterns and connectivity.
        compression: As in `PatternConfig`, of convolutions and hidden fully-connected layers; 1:
            the network stays dense.

    Raises:
        ValueError: An attribute out of range.
    """

    network: str
    dtype: str = "int8"
    group_size: int = 4
    compression: float = 8.0

    def __post_init__(self) -> None:
        if self.network not in NAMES:
            raise ValueError(f"network must be one of {', '.join(NAMES)}, but is {self.network!r}.")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, but is {self.dtype!r}.")
        if self.group_size < 1:
            raise ValueError(f"group_size must be at least 1, but is {self.group_size}.")
        if not self.compression >= 1.0:
            raise ValueError(f"compression must be at least 1, but is {self.compression}.")

    @property
    def pruned(self) -> bool:
        """Whether any weight is pruned."""
        return self.compression > 1.0

    @property
    def name(self) -> str:
        """The network in one phrase, such as `resnet18-32 int8 group 4 8x`."""
        return f"{self.subject} {self.configuration}"

    @property
    def subject(self) -> str:
        """The network's name."""
        return self.network

    @property
    def configuration(self) -> str:
        """How it is pruned, such as `int8 group 4 8x`."""
        if not self.pruned:
            return f"{self.dtype} dense"
        hidden = ", hidden Dense too" if self.network in _WITH_HIDDEN_DENSE else ""
        return f"{self.dtype} group {self.group_size} {self.compression:g}x{hidden}"


def build_network(
    case: NetworkCase, seed: int = 0, cache: str | os.PathLike[str] | None = None
) -> bytes:
    """Returns the `.tflite` of a network, its weights dense with zeros.

    Args:
        case: The network.
        seed: Seed of weights and calibration.
        cache: Folder that keeps what was converted, for the next time; None: no folder.

    Returns:
        The bytes of the file.
    """
    if cache is None:
        return _convert(case, seed)
    folder = pathlib.Path(cache)
    path = folder / f"{case.name} seed {seed}.tflite".replace(" ", "-")
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            part = pathlib.Path(temporary) / path.name
            part.write_bytes(_convert(case, seed))
            part.replace(path)
    return path.read_bytes()


def _convert(case: NetworkCase, seed: int) -> bytes:
    from tf_pconv.benchmark.network_models import NETWORKS, settle

    random = np.random.default_rng(seed)
    with quiet_tensorflow():
        import tensorflow as tf

        model = NETWORKS[case.network]()
        if case.pruned:
            _prune(model, case, random)
        shape = (_SAMPLES, *model.input_shape[1:])
        samples = random.standard_normal(shape, dtype=np.float32)
        settle(model, samples, random)
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if case.dtype == "int8":
            request_int8(converter, lambda: ([sample[None]] for sample in samples))
        return bytes(converter.convert())


def _prune(model: keras.Model, case: NetworkCase, random: np.random.Generator) -> None:
    """Sets to zero what the plan prunes; the groups are scattered over the filters."""
    from tf_pconv.config import PatternConfig
    from tf_pconv.planning import plan
    from tf_pconv.target import pruning_target

    config = PatternConfig(compression=case.compression, group_size=case.group_size)
    for row in plan(model, config).pruned:
        assert row.config is not None
        kernel = row.layer.kernel
        noise = random.standard_normal(tuple(kernel.shape), dtype=np.float32)
        order = random.permutation(kernel.shape[-1]).astype(np.int32)
        mask = pruning_target(row.layer, row.config).mask(noise, order)
        kernel.assign(noise * np.asarray(mask))
