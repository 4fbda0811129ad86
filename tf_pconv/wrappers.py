"""The wrapper that prunes one layer: its mask, its training state, its forward pass."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tf_pconv import schedules
from tf_pconv.config import PatternConfig
from tf_pconv.keras_internals import outermost_layer
from tf_pconv.methods import Method, PruningTarget
from tf_pconv.support import is_prunable_class, pruning_refusal
from tf_pconv.target import pruning_target
from tf_pconv.training_guard import MissingUpdateError, TrainingPermit

_SETTINGS = "pattern_settings"
"""Key of the settings among a layer's saved variables."""


@keras.saving.register_keras_serializable(package="tf_pconv")
class PatternWrapper(keras.layers.Wrapper):
    """Prunes the kernel of one convolution or Dense layer while it trains.

    `prune_patterns` wraps the layers of Sequential and Functional models; in a subclassed model
    wrap them yourself. The wrapper has the name of its layer. The mask is a non-trainable weight,
    applied in the forward pass, so that whatever is saved is pruned and resumes where it was.

    Args:
        layer: A `Conv2D` or a 3x3 `DepthwiseConv2D`, channels last, or a `Dense`.
        config: How to prune it. Rules that match the layer's name or class apply, `skip` aside.
        **kwargs: Of `keras.Layer`.

    Raises:
        TypeError: A layer or configuration of another kind.
        ValueError: Channels first, or a layer with nothing to prune.

    Example:
        >>> class Block(keras.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         convolution = keras.layers.Conv2D(64, 3, padding="same")
        ...         self.convolution = PatternWrapper(convolution, PatternConfig())
        ...     def call(self, x):
        ...         return self.convolution(x)
    """

    def __init__(self, layer: keras.Layer, config: PatternConfig, **kwargs: Any) -> None:
        refusal = pruning_refusal(layer)
        if refusal is not None:
            raise (ValueError if is_prunable_class(layer) else TypeError)(
                f"PatternWrapper cannot prune '{getattr(layer, 'name', layer)}': {refusal}. "
                "It takes Conv2D and 3x3 DepthwiseConv2D, channels last, and Dense."
            )
        if not isinstance(config, PatternConfig):
            raise TypeError(f"PatternWrapper takes a PatternConfig; received {config!r}.")
        defaults = {
            "name": layer.name,
            "trainable": layer.trainable,
            "dtype": layer.dtype_policy,
            "activity_regularizer": layer.activity_regularizer,
        }
        super().__init__(layer, **(defaults | kwargs))
        self.config = config.for_layer(layer.name, layer)[0]
        self.training_permit: TrainingPermit | None = None
        self._passes_training = _takes_training(layer)

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer, and declares the state of its pruning."""
        super().build(input_shape)
        self.input_spec = self.layer.input_spec
        self.target: PruningTarget = pruning_target(self.layer, self.config)
        self.pruning_step = self._declare("pruning_step", "int32")
        self.progress = self._declare("progress", "float32")
        self.training_steps = self._declare("training_steps", "int32")
        self.state = self.config.method.declare_state(self, self.target)
        if type(self.config.method).loss is not Method.loss:
            self._add_method_loss()
        self.built = True

    def _declare(self, name: str, dtype: str) -> keras.Variable:
        return self.add_weight(
            name=name, shape=(), dtype=dtype, initializer="zeros", trainable=False
        )

    def _add_method_loss(self) -> None:
        """Makes the method's loss part of the kernel's regulariser: once a step, even if shared."""
        kernel, method, state = self.kernel, self.config.method, self.state
        regularizer = kernel.regularizer

        def total(value: Any) -> Any:
            loss = method.loss(ops.convert_to_tensor(value), state)
            return loss if regularizer is None else loss + regularizer(value)

        kernel.regularizer = total

    @property
    def kernel(self) -> keras.Variable:
        """The dense kernel of the layer, (kh, kw, in, out), or (in, out) of a Dense layer."""
        if getattr(self.layer, "lora_enabled", False):
            raise ValueError(_no_lora(self.name))
        if self.layer.dtype_policy.quantization_mode is not None:
            raise ValueError(_not_yet(self.name, "its kernel was quantised", "quantise"))
        return self.layer.kernel

    @property
    def mask(self) -> keras.Variable:
        """The 0/1 mask of the kernel, uint8."""
        return self.state["mask"]

    @property
    def schedule(self) -> schedules.Schedule | None:
        """The schedule; None as long as the default one does not know how long training is."""
        if self.config.schedule is not None:
            return self.config.schedule
        return self._schedule_of(int(ops.convert_to_numpy(self.training_steps)))

    def _schedule_of(self, training_steps: int) -> schedules.Schedule | None:
        """Returns the schedule for a training of known length; 0 stands for an unknown one."""
        default = schedules.default_schedule(training_steps) if training_steps else None
        return self.config.schedule or default

    def plan_training(self, training_steps: int | None) -> None:
        """Fixes the default schedule, the first time that the length of a training is known.

        Args:
            training_steps: Steps of the training that begins; None: unknown.

        Raises:
            ValueError: A schedule is needed, and the length is unknown.
        """
        if self.schedule is not None:
            return
        if not training_steps:
            raise ValueError(
                "The default pruning schedule needs the number of training steps, which is unknown "
                "here: pass steps_per_epoch to fit(), or a schedule to PatternConfig."
            )
        self.training_steps.assign(training_steps)

    def _begin_steps(self, schedule: schedules.Schedule, first: int, count: int) -> None:
        """Advances the schedule by `count` steps, and updates the mask if it is due."""
        turns = [schedule(step) for step in range(first, first + count)]
        due = [progress for should_update, progress in turns if should_update]
        if due:
            kernel = ops.convert_to_tensor(self.kernel)
            self.config.method.update(kernel, self.state, self.target, due[-1])
            self.progress.assign(due[-1])
        self.pruning_step.assign(first + count)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Applies the layer with its effective kernel."""
        kernel = ops.convert_to_tensor(self.kernel)
        if training:
            self._require_permit()
        elif training is None and self._may_train_untold():
            kernel = self._require_permit_of_gradient(kernel)
        kernel = self.config.method.effective_kernel(
            kernel,
            self.state,
            gradient=self.config.gradient,
            training=bool(training),
        )
        kwargs = {"training": training} if self._passes_training else {}
        return self._call_layer(kernel, inputs, **kwargs)

    def _require_permit(self) -> None:
        if self.training_permit is None or not self.training_permit.is_valid():
            raise MissingUpdateError(f"The pruned layer '{self.name}'")

    def _may_train_untold(self) -> bool:
        """Whether the outermost call has no `training` argument to say that it trains."""
        outermost = outermost_layer(self)
        return outermost is self or not _takes_training(outermost)

    def _require_permit_of_gradient(self, kernel: Any) -> Any:
        """Returns the kernel, whose gradient needs a permit."""

        @ops.custom_gradient
        def identity(value: Any) -> tuple[Any, Any]:
            def gradient(*arguments: Any, upstream: Any = None) -> Any:
                self._require_permit()
                return arguments[0] if upstream is None else upstream

            return value, gradient

        return identity(kernel)

    def _call_layer(self, kernel: Any, inputs: Any, **kwargs: Any) -> Any:
        """Calls the layer with another value of its kernel; all other state passes through."""

        def values(variables: list[keras.Variable]) -> list[Any]:
            return [
                kernel if variable is self.kernel else ops.convert_to_tensor(variable)
                for variable in variables
            ]

        fixed = self.layer.non_trainable_variables
        outputs, updates = self.layer.stateless_call(
            values(self.layer.trainable_variables), values(fixed), inputs, **kwargs
        )
        for variable, update in zip(fixed, updates, strict=True):
            if variable is not self.kernel:
                variable.assign(update)
        return outputs

    def enable_lora(self, *args: Any, **kwargs: Any) -> None:
        """Refuses: low-rank updates would fill what is pruned."""
        del args, kwargs
        raise ValueError(_no_lora(self.name))

    def pruned_kernel(self) -> Any:
        """Returns the kernel with the final mask multiplied in."""
        kernel = ops.convert_to_tensor(self.kernel)
        mask = self.config.method.final_mask(kernel, self.state, self.target)
        # Not the product, which is a negative zero for negative weights.
        return ops.where(ops.cast(mask, "bool"), kernel, ops.zeros_like(kernel))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """As the layer."""
        return self.layer.compute_output_shape(input_shape)

    def save_own_variables(self, store: Any) -> None:
        """Saves the state of pruning, with the settings that it belongs to."""
        super().save_own_variables(store)
        for name, state in self._seed_states().items():
            store[name] = state
        store[_SETTINGS] = np.frombuffer(json.dumps(self._settings()).encode(), np.uint8)

    def load_own_variables(self, store: Any) -> None:
        """Loads the state of pruning, if it was saved with the same settings."""
        if _SETTINGS in store:
            self._check_settings(json.loads(np.asarray(store[_SETTINGS]).tobytes()))
        seeds = self._seed_states()
        extra = {_SETTINGS, *seeds}
        super().load_own_variables({k: store[k] for k in store.keys() if k not in extra})  # noqa: SIM118
        for name, state in seeds.items():
            state.assign(store[name])

    def _seed_states(self) -> dict[str, keras.Variable]:
        """The states of the method's random generators, which Keras does not save by itself."""
        return {
            f"{name}_seed": value.state
            for name, value in self.state.items()
            if isinstance(value, keras.random.SeedGenerator)
        }

    def _settings(self) -> dict[str, Any]:
        return {**self.target.settings(), "method": type(self.config.method).__name__}

    def _check_settings(self, saved: Mapping[str, Any]) -> None:
        settings = self._settings()
        differing = [name for name in settings if settings[name] != saved.get(name)]
        if differing:
            both = "; ".join(
                f"{name} is {saved.get(name)} in the file and {settings[name]} in the model"
                for name in differing
            )
            raise ValueError(
                f"The weights of '{self.name}' were saved with another configuration: {both}. "
                "Prune the model with the configuration of the file, or load a .keras file."
            )

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        config = super().get_config()
        config.pop("activity_regularizer", None)
        config["config"] = keras.saving.serialize_keras_object(self.config)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> PatternWrapper:
        """Makes a wrapper from the result of `get_config`."""
        arguments = dict(config)
        for name in ("layer", "config"):
            arguments[name] = keras.saving.deserialize_keras_object(
                arguments[name], custom_objects=custom_objects
            )
        return cls(**arguments)


def begin_steps(wrappers: Sequence[PatternWrapper], count: int = 1) -> None:
    """Advances the schedules before training steps, and updates the masks that are due.

    Args:
        wrappers: The pruned layers of a model, whose training has been planned.
        count: Steps that run in one go: `steps_per_execution` of the model.
    """
    counters = [
        counter.value
        for wrapper in wrappers
        for counter in (wrapper.pruning_step, wrapper.training_steps)
    ]
    # All at once: each read may wait for a device.
    values = ops.convert_to_numpy(ops.stack(counters)).reshape(-1, 2)
    for wrapper, (first, training_steps) in zip(wrappers, values.tolist(), strict=True):
        schedule = wrapper._schedule_of(training_steps)
        assert schedule is not None, "plan_training comes first"
        wrapper._begin_steps(schedule, first, count)


def _no_lora(name: str) -> str:
    return _not_yet(name, "LoRA adds to its kernel what is not", "enable LoRA")


def _not_yet(name: str, change: str, remedy: str) -> str:
    return (
        f"The layer '{name}' is being pruned, and {change}: {remedy} after "
        "tf_pconv.strip_pruning, or leave the layer dense with LayerRule(..., skip=True)."
    )


def _takes_training(layer: keras.Layer) -> bool:
    return "training" in inspect.signature(layer.call).parameters
