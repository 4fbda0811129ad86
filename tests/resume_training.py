"""Run by test_resume.py in processes of its own: trains, checkpoints, and goes on from there."""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from small_models import SHAPE, array, compile_model, data

from tf_pconv import LayerRule, PatternConfig, UpdatePatternStep, prune_patterns
from tf_pconv.schedules import PolynomialDecay

BATCH, SAVED_AT, STEPS = 8, 5, 15

CONFIGS = {
    "default": PatternConfig(compression=4.5, group_size=2, rules=LayerRule("dense", skip=False)),
    "straight_through": PatternConfig(
        compression=4.5,
        group_size=4,
        schedule=PolynomialDecay(1, 12, frequency=3),
        gradient="straight_through",
        balance="layer",
        rules=LayerRule("dense", skip=False),
    ),
}


def build():
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(8, 3, padding="same", name="stem"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="body"),
            layers.Conv2D(12, 3, activation="relu", name="body2"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(16, activation="relu", name="dense"),
            layers.Dense(4, name="head"),
        ]
    )
    return model


def train(model, x, y, callbacks):
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks)


def dump(model, path):
    values = {f"{place}/{v.name}": array(v) for place, v in enumerate(model.variables)}
    values |= {f"optimizer/{place}": array(v) for place, v in enumerate(model.optimizer.variables)}
    np.savez(path, **values)


def whole_run(folder, name, order, x, y):
    """Trains all steps; a checkpoint is written on the way."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(11)
    model = compile_model(prune_patterns(build(), CONFIGS[name]))
    checkpoint = keras.callbacks.ModelCheckpoint(
        folder / f"{name}-{order}-{{batch}}.keras", save_freq=SAVED_AT
    )
    update = UpdatePatternStep()
    train(model, x, y, [checkpoint, update] if order == "before" else [update, checkpoint])
    dump(model, folder / f"{name}-{order}-whole.npz")


def resumed_run(folder, name, order, x, y):
    """Goes on from the checkpoint, with the batches that are left."""
    model = keras.models.load_model(folder / f"{name}-{order}-{SAVED_AT}.keras")
    done = SAVED_AT * BATCH
    train(model, x[done:], y[done:], [UpdatePatternStep()])
    dump(model, folder / f"{name}-{order}-resumed.npz")


def main(mode, folder):
    tf.config.experimental.enable_op_determinism()
    x, y = data(np.random.default_rng(5), STEPS * BATCH)
    for name in CONFIGS:
        for order in ("before", "after"):
            {"whole": whole_run, "resumed": resumed_run}[mode](folder, name, order, x, y)


if __name__ == "__main__":
    keras.utils.set_random_seed(11)
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
