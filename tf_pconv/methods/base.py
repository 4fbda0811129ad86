"""The interface of a pruning method: how one kernel is masked, trained and finished.

A method holds hyperparameters only. What changes while training is state: variables that the method
declares on the wrapped layer, so that they are saved, loaded and resumed with the model.

How published methods fit:

* ADMM (PatDNN): `declare_state` adds Z, Y, U and V; `loss` is the quadratic term; `update`, at the
  steps of the schedule, moves them; `final_mask` is the hard projection.
* DPF: the gradient `"straight_through"`, and a schedule with a frequency of 16.
* DPP, DJPQ: trainable logits or gates in the state, a `keras.random.SeedGenerator` for their noise,
  `effective_kernel` samples where `training`, `loss` is the entropy, KL or BOPs term.
* SPP: probabilities in the state; `effective_kernel` samples, `update` moves them.
* Taylor importance: a state variable whose `overwrite_with_gradient` is True holds the gradient of
  each step (or, through `keras.ops.custom_gradient`, an average) for `update` to read.
* Layer-wise training on synthetic data: any of these, on one wrapped layer in a loop of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras import ops

from tf_pconv.methods.target import PruningTarget

if TYPE_CHECKING:
    import keras

State = dict[str, Any]
"""Variables (and seed generators) of one layer, by name."""


def apply_mask(kernel: Any, mask: Any, gradient: str) -> Any:
    """Returns `kernel * mask`, with the gradient of a configuration.

    Args:
        kernel: Weights of shape (kh, kw, in, out), or (in, out) of a Dense layer.
        mask: 0/1 tensor of the same shape.
        gradient: `"masked"`: `g * mask`. `"straight_through"`: `g`, the gradient at the pruned
            point, for all weights (DPF, Lin et al., ICLR 2020).

    Returns:
        A tensor like `kernel`.
    """
    mask = ops.cast(mask, kernel.dtype)
    if gradient == "straight_through":
        return kernel + ops.stop_gradient(kernel * mask - kernel)
    return kernel * mask


class Method:
    """Base of all methods. Subclasses are registered with Keras, and override what they need.

    Hyperparameters are constructor arguments that `get_config` returns.
    """

    def declare_state(self, layer: keras.Layer, target: PruningTarget) -> State:
        """Declares the variables of one kernel, when its layer is built.

        Args:
            layer: The wrapper: `layer.add_weight` makes variables, trainable or not. `layer.kernel`
                is the kernel.
            target: What the kernel ends with.

        Returns:
            The state. It has `mask`, uint8 of the kernel's shape, at first all ones, and
            `filter_order`, int32 of shape (out,), all zeros until it is chosen.
        """
        mask = layer.add_weight(
            name="mask", shape=target.shape, dtype="uint8", initializer="ones", trainable=False
        )
        filter_order = layer.add_weight(
            name="filter_order",
            shape=target.shape[-1:],
            dtype="int32",
            initializer="zeros",
            trainable=False,
        )
        return {"mask": mask, "filter_order": filter_order}

    def effective_kernel(self, kernel: Any, state: State, gradient: str, training: bool) -> Any:
        """Returns the kernel that the layer computes with; differentiable, called when traced.

        Args:
            kernel: The trained weights, a tensor.
            state: As declared.
            gradient: Of the configuration; see `apply_mask`.
            training: Whether this is a training step. If not, the result is pruned for good.
        """
        del training
        return apply_mask(kernel, state["mask"], gradient)

    def loss(self, kernel: Any, state: State) -> Any:
        """Returns a scalar that is added to the model's loss, once a step, like a regulariser.

        Methods that do not override it add none.
        """
        raise NotImplementedError

    def update(self, kernel: Any, state: State, target: PruningTarget, progress: float) -> None:
        """Assigns the state before a training step at which the schedule asks for it; eager.

        It depends on nothing but its arguments, so that a resumed training goes the same way.

        Args:
            kernel: The trained weights, a tensor.
            state: As declared.
            target: What the kernel ends with.
            progress: Of the schedule, 0 (dense) to 1 (the target).
        """
        raise NotImplementedError

    def final_mask(self, kernel: Any, state: State, target: PruningTarget) -> Any:
        """Returns the 0/1 mask that `strip_pruning` multiplies into the kernel."""
        del kernel, target
        return ops.convert_to_tensor(state["mask"])

    def get_config(self) -> dict[str, Any]:
        """Returns the hyperparameters, in JSON types."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Method:
        """Makes a method from the result of `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(repr(self))
