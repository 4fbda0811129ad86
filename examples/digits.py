"""Handwritten digits, end to end: train, prune, convert, run in the delegate, and time.

The 1,797 images come with scikit-learn, so that nothing is downloaded; they are enlarged to 32x32.

    python examples/digits.py
    python examples/digits.py --seeds 3 --group_size 1
"""

import tf_pconv.quiet_start  # noqa: F401, before TensorFlow, which then loads without its chatter

# isort: split
import numpy as np
import tensorflow as tf
import workflow
from absl import app, flags
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tf_pconv.benchmark import LayerCase, benchmark_layer, describe_machine, print_results

RECIPE = workflow.Recipe(
    widths=(48, 48, 96, 96, 192, 192),
    dense_epochs=8,
    pruned_epochs=12,
    dense_rate=2e-3,
    pruned_rate=2e-3,
    batch_size=64,
)

LAYERS = (
    LayerCase(256, 256, 56, "int8", group_size=4),
    LayerCase(256, 256, 56, "int8", group_size=1),
    LayerCase(256, 256, 56, "float32", group_size=1),
)


def load() -> workflow.Data:
    """Returns three quarters of the digits to train with and one to test with, the same always."""
    images, labels = load_digits(return_X_y=True)
    images = tf.image.resize(images.reshape(-1, 8, 8, 1) / 16.0, (32, 32)).numpy()
    x_train, x_test, y_train, y_test = train_test_split(
        images.astype(np.float32), labels, test_size=0.25, random_state=0, stratify=labels
    )
    return workflow.Data(x_train, y_train, x_test, y_test)


def main(_: list[str]) -> None:
    """Runs the workflow, then times single layers."""
    workflow.run(load(), RECIPE)
    timed = []
    for case in LAYERS:
        with workflow.console.status(f"timing {case.name}"):
            timed.append(benchmark_layer(case, seconds=workflow.SECONDS))
    print_results(timed, describe_machine(), "Single layers, one thread")


flags.adopt_module_key_flags(workflow)

if __name__ == "__main__":
    app.run(main)
