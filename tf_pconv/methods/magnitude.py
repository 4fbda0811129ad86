"""Magnitude pruning: weights are kept by energy. One-shot or gradual, as the schedule says."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tf_pconv.methods.base import Method, State
from tf_pconv.methods.target import PruningTarget


@keras.saving.register_keras_serializable(package="tf_pconv")
class Magnitude(Method):
    """Keeps the patterns and kernels with the most energy, chosen anew at each update.

    Energy is the sum of squares, as in the projections of PatDNN (Niu et al., ASPLOS 2020). With
    `ConstantSparsity(step, step)` it prunes once; with `PolynomialDecay`, gradually (Zhu and Gupta,
    2017, arXiv 1710.01878).

    Filter groups are formed at the first update that prunes, and stay: masks then tighten around
    groups that train together.
    """

    def update(self, kernel: Any, state: State, target: PruningTarget, progress: float) -> None:
        """Chooses the groups, once, and the mask; see `Method.update`."""
        if not progress:
            return
        if not ops.convert_to_numpy(state["filter_order"]).any():
            state["filter_order"].assign(target.filter_order(kernel))
        mask = target.mask(kernel, ops.convert_to_tensor(state["filter_order"]), progress)
        state["mask"].assign(ops.cast(mask, "uint8"))
