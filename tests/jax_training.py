"""Run by test_jax.py with KERAS_BACKEND=jax; prints what happened as JSON."""

import dataclasses
import json
import pathlib
import sys

import keras
import numpy as np
from small_models import GRADUAL, array, compile_model, data, fit, sequential

from tf_pconv import LayerRule, PatternWrapper, prune_patterns, strip_pruning
from tf_pconv.pruning import pattern_wrappers

# The classifier, a Dense layer, is pruned too.
ALL = dataclasses.replace(GRADUAL, rules=LayerRule("head", skip=False))


class Recorder(keras.callbacks.Callback):
    """Kept share of the first mask, and the number of its step, at the end of each batch."""

    def __init__(self):
        super().__init__()
        self.kept, self.steps = [], []

    def on_train_batch_end(self, batch, logs=None):
        wrapper = pattern_wrappers(self.model)[0]
        self.kept.append(float(array(wrapper.mask).mean()))
        self.steps.append(int(wrapper.pruning_step))


class Untold(keras.Model):
    """A model whose `call` has no `training` argument."""

    def __init__(self):
        super().__init__()
        self.body = PatternWrapper(keras.layers.Conv2D(8, 3), GRADUAL)
        self.pool = keras.layers.GlobalAveragePooling2D()

    def call(self, x):
        return self.pool(self.body(x))


def refusal(function):
    try:
        function()
    except RuntimeError as error:
        return str(error)
    return None


def main(folder):
    keras.utils.set_random_seed(0)
    x, y = data(np.random.default_rng(0), 64)
    report = {"backend": keras.backend.backend()}
    unused = compile_model(prune_patterns(sequential(), GRADUAL))
    report["without"] = refusal(lambda: unused.fit(x, y, verbose=0))
    report["untold"] = refusal(lambda: compile_model(Untold()).fit(x, y, verbose=0))
    model = compile_model(prune_patterns(sequential(), ALL))
    recorder = Recorder()
    checkpoint = keras.callbacks.ModelCheckpoint(folder / "{batch}.keras", save_freq=4)
    fit(model, x, y, epochs=2, shuffle=False, callbacks=[recorder, checkpoint])
    before = [array(weight) for weight in model.weights]
    report["second"] = refusal(lambda: model.fit(x, y, verbose=0))
    report["given_back"] = all(map(np.array_equal, map(array, model.weights), before))
    report |= {"kept": recorder.kept, "steps": recorder.steps}
    report["inputs_kept"] = array(pattern_wrappers(model)[-1].mask).sum(axis=0).tolist()
    report["zeros_trained"] = zeros_trained(model)
    report["same_output"] = bool(
        np.allclose(
            model.predict(x, verbose=0), strip_pruning(model).predict(x, verbose=0), atol=1e-5
        )
    )
    report["resumed"] = differences_after_resuming(folder, x, y)
    print(json.dumps(report))


def zeros_trained(model):
    """Pruned weights that another training of the finished model still moves."""
    before = [array(wrapper.kernel) for wrapper in pattern_wrappers(model)]
    x, y = data(np.random.default_rng(1), 16)
    compile_model(model)
    fit(model, x, y)
    return sum(
        int((array(wrapper.kernel) != old)[array(wrapper.mask) == 0].sum())
        for old, wrapper in zip(before, pattern_wrappers(model), strict=True)
    )


def differences_after_resuming(folder, x, y):
    """Weights that differ when steps 5 to 8 run again from the checkpoint of step 4."""
    resumed = keras.models.load_model(folder / "4.keras")
    fit(resumed, x[32:], y[32:], shuffle=False)
    saved = keras.models.load_model(folder / "8.keras")
    return sum(
        int((array(a) != array(b)).sum())
        for a, b in zip(resumed.weights, saved.weights, strict=True)
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
