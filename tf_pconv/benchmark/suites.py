"""What `tf-pconv bench --suite` times."""

from __future__ import annotations

from collections.abc import Sequence

from tf_pconv.benchmark.layer_case import LayerCase
from tf_pconv.benchmark.network_case import COMPRESSIONS, NetworkCase

PATDNN_LAYERS = {
    "L1": (3, 64, 224),
    "L2": (64, 64, 224),
    "L3": (64, 128, 112),
    "L4": (128, 128, 112),
    "L5": (128, 256, 56),
    "L6": (256, 256, 56),
    "L7": (256, 512, 28),
    "L8": (512, 512, 28),
    "L9": (512, 512, 14),
}
"""Channels, filters and side of the nine shapes of VGG-16 that PatDNN times (Niu et al., ASPLOS
2020, arXiv 2001.00138)."""

FIRST_LAYER = "L1"
"""The first convolution, which plans leave dense: timed, but no part of a mean."""

LAYER_COMPRESSION = 8.0

NETWORKS = ("vgg16-32", "resnet18-32", "vgg16", "resnet50", "mobilenet_v2")
"""Of those of `network_case.NAMES`, what a suite of networks consists of."""


def patdnn_cases(
    dtypes: Sequence[str],
    group_sizes: Sequence[int],
    compressions: Sequence[float] = (LAYER_COMPRESSION,),
    library: str = "scp8",
    chain: int = 1,
) -> list[LayerCase]:
    """Returns PatDNN's layers in every combination; chains only of those with equal sides."""
    return [
        LayerCase(
            *sizes,
            dtype=dtype,
            group_size=group_size,
            compression=compression,
            library=library,
            chain=chain,
            label=label,
        )
        for dtype in dtypes
        for group_size in group_sizes
        for compression in compressions
        for label, sizes in PATDNN_LAYERS.items()
        if chain == 1 or sizes[0] == sizes[1]
    ]


def network_cases(
    networks: Sequence[str] = NETWORKS,
    dtypes: Sequence[str] = ("int8",),
    group_sizes: Sequence[int] = (4,),
    compressions: Sequence[float] = (),
) -> list[NetworkCase]:
    """Returns networks in every combination; without compressions, each at its own."""
    return [
        NetworkCase(network, dtype, group_size, compression)
        for dtype in dtypes
        for group_size in group_sizes
        for network in networks
        for compression in compressions or (COMPRESSIONS[network],)
    ]
