"""CIFAR-10, end to end: train, prune, convert, run in the delegate, and time.

    python examples/cifar10.py --data cifar10.npz

The file is an .npz that holds either

* `x_train`, `y_train`, `x_test`, `y_test`: uint8 images of shape (n, 32, 32, 3) and class numbers
  of shape (n,) or (n, 1), as `keras.datasets.cifar10.load_data()` returns them; or
* `train_jpeg`, `train_offsets`, `train_labels`, and the same for `test`: JPEG files laid end to end
  (uint8), of which image `i` has the bytes `offsets[i]` to `offsets[i + 1]`, and class numbers.

By default the whole takes about an hour on two cores.
"""

import tf_pconv.quiet_start  # noqa: F401, before TensorFlow, which then loads without its chatter

# isort: split
import itertools
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import workflow
from absl import app, flags

DATA = flags.DEFINE_string("data", None, "The .npz file.", required=True)
DENSE_EPOCHS = flags.DEFINE_integer("dense_epochs", 20, "Epochs before pruning.", 1)
PRUNED_EPOCHS = flags.DEFINE_integer("pruned_epochs", 20, "Epochs while and after pruning.", 1)

FORMATS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_jpeg", "train_offsets", "train_labels", "test_jpeg", "test_offsets", "test_labels"),
)


def load(path: str) -> workflow.Data:
    """Reads images, and scales them to a mean of about 0 and a deviation of about 1.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Neither of the two formats.
    """
    if not pathlib.Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    with np.load(path, allow_pickle=False) as archive:
        names = next((names for names in FORMATS if set(names) <= set(archive.files)), None)
        if names is None:
            accepted = " or ".join(", ".join(names) for names in FORMATS)
            raise ValueError(f"{path} holds {', '.join(archive.files)}; needed are {accepted}.")
        arrays = {name: archive[name] for name in names}
    if names == FORMATS[0]:
        x_train, x_test = arrays["x_train"], arrays["x_test"]
        y_train, y_test = arrays["y_train"].ravel(), arrays["y_test"].ravel()
    else:
        x_train, x_test = (_decode(arrays, part) for part in ("train", "test"))
        y_train, y_test = arrays["train_labels"], arrays["test_labels"]
    return workflow.Data(
        _scale(x_train), y_train.astype(np.int32), _scale(x_test), y_test.astype(np.int32)
    )


def _decode(arrays: Mapping[str, np.ndarray], part: str) -> np.ndarray:
    content, offsets = arrays[f"{part}_jpeg"].tobytes(), arrays[f"{part}_offsets"]
    return np.stack(
        [
            tf.io.decode_jpeg(content[start:end], channels=3).numpy()
            for start, end in itertools.pairwise(offsets)
        ]
    )


def _scale(images: np.ndarray) -> np.ndarray:
    return (images.astype(np.float32) - 120.0) / 64.0


def augment(images: tf.Tensor) -> tf.Tensor:
    """Flips images at random, and shifts the batch by up to four pixels."""
    padded = tf.pad(tf.image.random_flip_left_right(images), [[0, 0], [4, 4], [4, 4], [0, 0]])
    return tf.image.random_crop(padded, tf.shape(images))


def main(_: list[str]) -> None:
    """Runs the workflow."""
    recipe = workflow.Recipe(
        widths=(32, 32, 64, 64, 128, 128),
        dense_epochs=DENSE_EPOCHS.value,
        pruned_epochs=PRUNED_EPOCHS.value,
        dense_rate=2e-3,
        pruned_rate=1e-3,
        batch_size=128,
        augment=augment,
    )
    try:
        data = load(DATA.value)
    except (OSError, ValueError) as error:
        raise SystemExit(f"cifar10: {error}") from None
    workflow.run(data, recipe)


flags.adopt_module_key_flags(workflow)

if __name__ == "__main__":
    app.run(main)
