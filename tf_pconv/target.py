"""From a layer and its configuration to the pruning target of its kernel."""

from __future__ import annotations

import keras

from tf_pconv import projection
from tf_pconv.config import PatternConfig
from tf_pconv.methods import PruningTarget
from tf_pconv.patterns import ENTRIES, SIDE


def pruning_target(layer: keras.Layer, config: PatternConfig) -> PruningTarget:
    """Returns the target of a built convolution or Dense layer.

    3x3 kernels get patterns and connectivity, other sizes connectivity, depthwise ones patterns.
    Dense layers are 1x1 convolutions.
    Filters of different convolution groups read different channels, so that they form no filter
    group.
    """
    shape = tuple(layer.kernel.shape)
    height, width, channels, _ = projection.convolution_shape(shape)
    library = config.library if (height, width) == (SIDE, SIDE) else None
    entries = height * width if library is None else ENTRIES
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return PruningTarget(shape, library, None, 1, config.balance)
    kernels = projection.kept_kernels(channels, (height, width), entries, config.compression)
    return PruningTarget(
        shape=shape,
        library=library,
        kernels=kernels if kernels < channels else None,
        group_size=config.group_size if getattr(layer, "groups", 1) == 1 else 1,
        balance=config.balance,
    )
