"""Pattern libraries: the few ways in which a 3x3 kernel keeps four of its nine weights.

A pattern is stored as a 9-bit integer, bit `3 * row + column`. PCONV (Ma et al., AAAI 2020,
arXiv 1909.05073) calls it a sparse convolution pattern (SCP).
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

SIDE = 3
ENTRIES = 4
"""Weights that a pattern keeps."""

NATURAL_PATTERNS = 56
"""Patterns that keep the centre: 3 of the 8 other weights."""

_BITS = 1 << np.arange(SIDE * SIDE)
_CENTRE = 4


@keras.saving.register_keras_serializable(package="tf_pconv")
@dataclasses.dataclass(frozen=True)
class PatternLibrary:
    """A small ordered set of patterns. Libraries are equal when their masks are, in the same order.

    Attributes:
        name: Name shown in reports; not part of equality.
        masks: One 9-bit integer per pattern, bit `3 * row + column`, four bits set, no two equal.

    Raises:
        ValueError: No pattern, a pattern that does not keep exactly four weights, or one twice.

    Example:
        >>> library = PatternLibrary("upper", (0b000_111_010,))
        >>> library.to_array()[0].tolist()
        [[0, 1, 0], [1, 1, 1], [0, 0, 0]]
    """

    name: str = dataclasses.field(compare=False)
    masks: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "masks", tuple(int(mask) for mask in self.masks))
        if not self.masks:
            raise ValueError(f"The pattern library '{self.name}' is empty; give at least one.")
        for place, mask in enumerate(self.masks):
            if not 0 <= mask < 1 << SIDE * SIDE:
                raise ValueError(
                    f"Pattern {place} of the library '{self.name}' is {mask}; a 3x3 mask is an "
                    f"integer from 0 to {(1 << SIDE * SIDE) - 1}, bit 3 * row + column."
                )
            if mask.bit_count() != ENTRIES:
                raise ValueError(
                    f"Pattern {place} of the library '{self.name}' keeps {mask.bit_count()} "
                    f"weights:\n{_drawing(mask)}\nEvery pattern keeps exactly {ENTRIES} of 9."
                )
        repeated = [mask for mask, count in collections.Counter(self.masks).items() if count > 1]
        if repeated:
            places = [place for place, mask in enumerate(self.masks) if mask == repeated[0]]
            raise ValueError(
                f"Patterns {places} of the library '{self.name}' are the same:\n"
                f"{_drawing(repeated[0])}\nGive every pattern once."
            )

    def __len__(self) -> int:
        return len(self.masks)

    def __str__(self) -> str:
        rows = [_drawing(mask).split("\n") for mask in self.masks]
        drawing = "\n".join("   ".join(row) for row in zip(*rows, strict=True))
        return f"{self.name} ({len(self)} patterns)\n{drawing}"

    def to_array(self) -> npt.NDArray[np.uint8]:
        """Returns the masks as a 0/1 array of shape (patterns, 3, 3), uint8."""
        bits = np.array(self.masks)[:, None] & _BITS
        return (bits != 0).astype(np.uint8).reshape(-1, SIDE, SIDE)

    @classmethod
    def from_arrays(cls, arrays: npt.ArrayLike, name: str = "custom") -> PatternLibrary:
        """Makes a library from 0/1 masks.

        Args:
            arrays: Masks of shape (patterns, 3, 3), any numeric or boolean type, values 0 and 1.
            name: Name shown in reports.

        Raises:
            ValueError: Wrong shape, values other than 0 and 1, or a rule of the library is broken.

        Example:
            >>> PatternLibrary.from_arrays([[[1, 1, 0], [1, 1, 0], [0, 0, 0]]], "corner").masks
            (27,)
        """
        try:
            masks = np.asarray(arrays)
        except ValueError as error:
            raise ValueError(
                f"The patterns do not form one array of shape (patterns, 3, 3): {error}."
            ) from error
        if masks.ndim != 3 or masks.shape[1:] != (SIDE, SIDE):
            raise ValueError(
                f"Patterns have the shape (patterns, 3, 3); received {masks.shape}."
                + (" Put a single mask in a list." if masks.shape == (SIDE, SIDE) else "")
            )
        if not np.isin(masks, (0, 1)).all():
            raise ValueError(
                "Patterns consist of 0 (pruned) and 1 (kept); received the values "
                f"{np.unique(masks).tolist()}."
            )
        return cls(name, tuple((masks.reshape(-1, SIDE * SIDE) != 0) @ _BITS))

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs, in JSON types."""
        return {"name": self.name, "masks": list(self.masks)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PatternLibrary:
        """Makes a library from the result of `get_config`."""
        return cls(config["name"], tuple(config["masks"]))


def _drawing(mask: int) -> str:
    """Draws a mask in three lines, `#` kept and `.` pruned."""
    cells = ["#" if mask >> bit & 1 else "." for bit in range(SIDE * SIDE)]
    return "\n".join(" ".join(cells[start : start + SIDE]) for start in range(0, SIDE * SIDE, SIDE))


T_SHAPES = (0b000_111_010, 0b010_011_010, 0b010_111_000, 0b010_110_010)
"""The four SCPs of PCONV, figure 2: the centre and three of its four neighbours."""

GAUSSIAN_BLOCKS = (0b000_011_011, 0b000_110_110, 0b011_011_000, 0b110_110_000)
"""The four 2x2 blocks that contain the centre; their sum is the 3x3 Gaussian."""

_LIBRARIES = {
    "pconv4": PatternLibrary("pconv4", T_SHAPES),
    "scp8": PatternLibrary("scp8", T_SHAPES + GAUSSIAN_BLOCKS),
}


def get_library(
    identifier: str | PatternLibrary | Mapping[str, Any] | npt.ArrayLike,
) -> PatternLibrary:
    """Returns the pattern library that a name, object, config or array of masks stands for.

    Args:
        identifier: `"pconv4"` (the four T-shapes of PCONV), `"scp8"` (T-shapes and centred 2x2
            Gaussian blocks), a `PatternLibrary`, its config (plain or serialised by Keras), or 0/1
            masks of shape (patterns, 3, 3).

    Raises:
        ValueError: Unknown name, or masks that break a rule of `PatternLibrary`.

    Example:
        >>> len(get_library("scp8"))
        8
    """
    if isinstance(identifier, PatternLibrary):
        return identifier
    if isinstance(identifier, str):
        if identifier not in _LIBRARIES:
            raise ValueError(
                f"Unknown pattern library '{identifier}'. Known names: {', '.join(_LIBRARIES)}. "
                "For patterns mined from a model pass natural_patterns(model), for your own "
                "PatternLibrary.from_arrays(masks)."
            )
        return _LIBRARIES[identifier]
    if isinstance(identifier, Mapping):
        config = identifier.get("config", identifier)
        if not {"name", "masks"} <= config.keys():
            raise ValueError(
                "The config of a pattern library has the keys 'name' and 'masks'; received "
                f"{sorted(config)}."
            )
        return PatternLibrary.from_config(config)
    if identifier is None or callable(identifier):
        raise ValueError(
            f"Cannot make a pattern library of {identifier!r}. Give one of the names "
            f"{', '.join(_LIBRARIES)}, a PatternLibrary, its config, or masks of shape "
            "(patterns, 3, 3)."
        )
    return PatternLibrary.from_arrays(identifier)


def natural_patterns(
    source: keras.Model | Iterable[npt.ArrayLike], count: int = 8, name: str = "natural"
) -> PatternLibrary:
    """Mines the patterns that the 3x3 kernels of a trained model already show.

    The natural pattern of a kernel is its centre and the three largest others by magnitude; the
    `count` most frequent of the 56 possible ones form the library, the most frequent first (PatDNN,
    Niu et al., ASPLOS 2020, arXiv 2001.00138). Kernels of zeros do not count; equal counts are
    ordered by mask.

    Args:
        source: A Keras model, or kernels of shape (3, 3, in, out). Other kernel sizes in a model
            are passed over.
        count: Patterns to keep, 1 to 56. PatDNN recommends 8. Fewer come back if the weights show
            fewer.
        name: Name of the library.

    Raises:
        TypeError: Neither a Keras 3 model nor a list.
        ValueError: No 3x3 kernel with a weight other than zero, weights that are not finite, a
            wrong shape, or `count` out of range.

    Example:
        >>> kernel = np.reshape([9, 0, 0, 8, 1, 7, 0, 0, 0], (3, 3, 1, 1))
        >>> print(natural_patterns([kernel], count=1))
        natural (1 patterns)
        # . .
        # # #
        . . .
    """
    if not 1 <= count <= NATURAL_PATTERNS:
        raise ValueError(
            f"There are {NATURAL_PATTERNS} natural patterns; count is from 1 to "
            f"{NATURAL_PATTERNS}, received {count}."
        )
    counts: collections.Counter[int] = collections.Counter()
    for name_of_kernel, kernel in _kernels_3x3(source):
        counts.update(_natural_masks(kernel, name_of_kernel).tolist())
    if not counts:
        raise ValueError(
            "No patterns to mine: the model has no 3x3 kernel with a weight other than zero. Use "
            f"one of the named libraries: {', '.join(_LIBRARIES)}."
        )
    ranked = sorted(counts, key=lambda mask: (-counts[mask], mask))
    return PatternLibrary(name, tuple(ranked[:count]))


def _kernels_3x3(
    source: keras.Model | Iterable[npt.ArrayLike],
) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yields the name and the weights of every 3x3 kernel of a model or list."""
    if isinstance(source, keras.Layer):
        for variable in source.weights:
            is_kernel = variable.path.endswith("kernel") and len(variable.shape) == 4
            if is_kernel and tuple(variable.shape[:2]) == (SIDE, SIDE):
                yield variable.path, keras.ops.convert_to_numpy(variable).astype(np.float32)
        return
    if isinstance(source, str) or not isinstance(source, Iterable):
        raise TypeError(
            "Natural patterns are mined from a Keras 3 model or a list of kernels of shape "
            f"(3, 3, in, out); received {type(source).__name__}."
        )
    for place, kernel in enumerate(source):
        array = np.asarray(kernel, np.float32)
        if array.ndim != 4 or array.shape[:2] != (SIDE, SIDE):
            raise ValueError(
                f"Kernel {place} has the shape {array.shape}; natural patterns are mined from "
                "kernels of shape (3, 3, in, out). Pass a list of them, or a Keras model."
            )
        yield f"kernel {place}", array


def _natural_masks(kernel: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.int64]:
    """Returns the natural pattern of every kernel that is not all zeros; shape (kernels,)."""
    magnitude = np.abs(kernel).reshape(SIDE * SIDE, -1).T
    if not np.isfinite(magnitude).all():
        raise ValueError(
            f"'{name}' has weights that are not finite; patterns cannot be mined from it."
        )
    magnitude = magnitude[magnitude.any(axis=1)].copy()
    magnitude[:, _CENTRE] = np.inf
    largest = np.argsort(-magnitude, axis=1, kind="stable")[:, :ENTRIES]
    return _BITS[largest].sum(axis=1)


def elog_kernel() -> npt.NDArray[np.float64]:
    """Returns the enhanced Laplacian of Gaussian `[0 1 0; 1 8 1; 0 1 0]`, the filter PCONV aims at.

    A Gaussian followed by a Laplacian finds details without amplifying noise. PCONV starts from the
    discrete Laplacian of Gaussian `[0 1 0; 1 -4 1; 0 1 0]` and strengthens its centre;
    `elog_interpolation` shows that layers of T-shapes come near it.
    """
    return np.array([[0, 1, 0], [1, 8, 1], [0, 1, 0]], np.float64)


def elog_interpolation(layers: int, keep_probability: float = 0.75) -> npt.NDArray[np.float64]:
    """Returns what `layers` layers of random SCPs weigh on average, scaled to arms of 1.

    Equation 12 of PCONV: each arm of the cross is kept with probability `p`, the centre always, so
    one layer is `[0 p 0; p 1 p; 0 p 0] = p [0 1 0; 1 1/p 1; 0 1 0]` on average, and `n` of them
    `(p [0 1 0; 1 1/p 1; 0 1 0]) ** n`, taken per element. A T-shape keeps three of four arms, so
    `p = 3/4`, and the centre weighs `(4/3) ** n` arms. That passes the 8 of the ELoG filter between
    7 layers (7.49) and 8 (9.99).

    Args:
        layers: Number of layers, at least 1.
        keep_probability: Probability `p` that an arm is kept, in (0, 1].

    Returns:
        A filter of shape (3, 3), float64, zero corners, arms 1 and centre `p ** -layers`.

    Raises:
        ValueError: An argument out of range.

    Example:
        >>> elog_interpolation(7).round(2).tolist()
        [[0.0, 1.0, 0.0], [1.0, 7.49, 1.0], [0.0, 1.0, 0.0]]
    """
    if layers < 1:
        raise ValueError(f"layers is at least 1; received {layers}.")
    if not 0 < keep_probability <= 1:
        raise ValueError(f"keep_probability is in (0, 1]; received {keep_probability}.")
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.float64)
    one_layer = keep_probability * cross
    one_layer[1, 1] = 1
    power = one_layer**layers
    return power / power[0, 1]
