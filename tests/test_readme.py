"""The README's example runs as it is written."""

import pathlib
import re

import keras
import numpy as np
import pytest

README = pathlib.Path(__file__).parents[1] / "README.md"


@pytest.fixture
def names():
    """What the text before the example promises: a model and training data."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    random = np.random.default_rng(0)
    x = random.standard_normal((32, 8, 8, 3), dtype=np.float32)
    return {"model": model, "x": x, "y": random.integers(4, size=32)}


def test_example_runs(names):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(example, str(README), "exec"), names)
    interpreter = names["interpreter"]
    (output,) = interpreter.get_output_details()
    assert interpreter.get_tensor(output["index"]).sum() == pytest.approx(1.0, abs=1e-5)
    kernel = names["model"].layers[1].kernel
    assert np.count_nonzero(kernel) == 64 * 4 * round(64 * 9 / (4 * 8))
