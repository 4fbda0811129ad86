"""TensorFlow Lite's own encoding of sparse constants (the input of DENSIFY)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tf_pconv.lite.flatbuffer import items, schema


def to_dense(sparsity: Any, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Decodes a sparse constant.

    Args:
        sparsity: `SparsityParametersT` of the tensor.
        values: The stored values, one dimension.
        shape: Shape of the dense tensor.

    Returns:
        The dense tensor, of the type of `values`.

    Raises:
        ValueError: The encoding is damaged.
    """
    levels = sparsity.dimMetadata
    traversal = np.asarray(sparsity.traversalOrder)
    blocks = np.asarray(items(sparsity.blockMap), np.int64)
    try:
        coordinates = _coordinates(levels, limit=math.prod(shape))
        position = np.zeros((len(shape), coordinates.shape[1]), np.int64)
        for level, dimension in enumerate(traversal):
            if dimension >= len(shape):
                position[blocks[dimension - len(shape)]] += coordinates[level]
                continue
            step = 1
            for block in np.flatnonzero(blocks == dimension):
                step = levels[np.flatnonzero(traversal == len(shape) + block)[0]].denseSize
            position[dimension] += step * coordinates[level]
        dense = np.zeros(shape, values.dtype)
        # Unlike an index, this refuses negative coordinates.
        dense.ravel()[np.ravel_multi_index(tuple(position), shape)] = values
    except (IndexError, ValueError, TypeError, AttributeError, MemoryError) as error:
        raise ValueError(f"the sparse weights are damaged: {error}") from error
    return dense


def _coordinates(levels: list[Any], limit: int) -> np.ndarray:
    """Coordinate of each stored value in each traversed dimension, int64 (levels, values)."""
    csr = schema().DimensionType.SPARSE_CSR
    coordinates = np.zeros((len(levels), 1), np.int64)
    for level, metadata in enumerate(levels):
        parents = coordinates.shape[1]
        if metadata.format == csr:
            segments = np.asarray(metadata.arraySegments.values, np.int64)
            counts, places = segments[1:] - segments[:-1], metadata.arrayIndices.values
            children = int(counts.sum())
        else:
            counts, places = metadata.denseSize, range(metadata.denseSize)
            children = parents * metadata.denseSize
        if not 0 <= children <= limit:
            raise ValueError(f"{children:,} values in a tensor of {limit:,}")
        coordinates = np.repeat(coordinates, counts, axis=1)
        coordinates[level] = np.tile(places, 1 if metadata.format == csr else parents)
    return coordinates
