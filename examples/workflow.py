"""What the examples share: train dense, prune in fit(), convert, evaluate and time."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from absl import flags
from rich import box
from rich.console import Console
from rich.table import Table

import tf_pconv
from tf_pconv import benchmark
from tf_pconv.config import GROUP_SIZES
from tf_pconv.lite.delegation import open_alone, open_delegated
from tf_pconv.lite.full_integer import request_int8
from tf_pconv.progress import step

CALIBRATION_SAMPLES = 100
SECONDS = 3.0

COMPRESSION = flags.DEFINE_float(
    "compression", 8.0, "Weights of the pruned layers before over after.", 1.0
)
GROUP_SIZE = flags.DEFINE_integer(
    "group_size", 4, "Filters that share patterns and connectivity: 1, 2, 4, 8 or 16."
)
SEEDS = flags.DEFINE_integer("seeds", 1, "Trainings; accuracies are means over them.", 1)
OUT = flags.DEFINE_string("out", None, "Folder for the .keras and .tflite files of the last seed.")

flags.register_validator(
    "group_size", lambda size: size in GROUP_SIZES, f"is one of {', '.join(map(str, GROUP_SIZES))}"
)
flags.register_validator(
    "out", lambda name: name is None or not pathlib.Path(name).is_file(), "names a file, no folder"
)

PLAIN_WIDTH = 100

console = Console()
if not console.is_terminal:
    console.width = PLAIN_WIDTH


@dataclasses.dataclass(frozen=True)
class Data:
    """Images of shape (n, height, width, channels), float32, and class numbers of shape (n,)."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.x_train.shape[1:]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train. Learning rates fall to zero by a cosine."""

    widths: tuple[int, ...]
    dense_epochs: int
    pruned_epochs: int
    dense_rate: float
    pruned_rate: float
    batch_size: int
    augment: Callable[[tf.Tensor], tf.Tensor] | None = None


@dataclasses.dataclass(frozen=True)
class File:
    """A `.tflite`; if it is packed, `rival` holds the same weights dense."""

    name: str
    content: bytes
    rival: bytes | None = None


def vgg(image_shape: tuple[int, int, int], classes: int, widths: Sequence[int]) -> keras.Model:
    """Returns a small VGG: pairs of 3x3 convolutions, halved in size after each pair."""
    inputs = x = keras.Input(image_shape)
    for place, width in enumerate(widths):
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
        if place % 2 == 1:
            x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(classes)(x), name="vgg")


def train(
    name: str,
    model: keras.Model,
    data: Data,
    recipe: Recipe,
    epochs: int,
    rate: float,
    seed: int,
    *callbacks: keras.callbacks.Callback,
) -> None:
    """Trains a model in place, with a line of progress, and tells the test accuracy."""
    steps = -(-len(data.x_train) // recipe.batch_size)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, epochs * steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = tf.data.Dataset.from_tensor_slices((data.x_train, data.y_train))
    batches = batches.shuffle(len(data.x_train), seed=seed).batch(recipe.batch_size)
    if recipe.augment is not None:
        batches = batches.map(lambda x, y: (recipe.augment(x), y), tf.data.AUTOTUNE)
    start = time.perf_counter()
    with console.status(f"{name}: epoch 1 of {epochs}") as status:
        progress = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: status.update(
                f"{name}: epoch {epoch + 2} of {epochs}, accuracy so far {logs['accuracy']:.3f}"
            )
        )
        model.fit(
            batches.prefetch(tf.data.AUTOTUNE),
            epochs=epochs,
            callbacks=[*callbacks, progress],
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
        _, accuracy = model.evaluate(data.x_test, data.y_test, batch_size=256, verbose=0)
    seconds = time.perf_counter() - start
    console.print(f"{name}: test accuracy {100 * accuracy:.2f} % after {seconds:.0f} s of training")


def convert(model: keras.Model, data: Data, dtype: str, pattern_format: str) -> bytes:
    """Returns a `.tflite` in `float32` or full-integer `int8`."""
    converter = tf_pconv.lite.TFLiteConverter.from_keras_model(model)
    converter.pattern_format = pattern_format
    if dtype == "int8":

        def samples() -> Iterator[list[np.ndarray]]:
            for image in data.x_train[:CALIBRATION_SAMPLES]:
                yield [image[np.newaxis]]

        request_int8(converter, samples)
    return converter.convert()


def tflite_accuracy(file: File, data: Data) -> float:
    """Returns the accuracy on the test images, through the delegate if the file is packed."""
    if file.rival is None:
        interpreter = open_alone(file.content)
    else:
        interpreter, _ = open_delegated(file.content, required=False)
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    images = data.x_test
    if source["dtype"] == np.int8:
        scale, zero_point = source["quantization"]
        images = np.clip(np.round(images / scale + zero_point), -128, 127).astype(np.int8)
    right = 0
    for image, label in zip(images, data.y_test, strict=True):
        interpreter.set_tensor(source["index"], image[np.newaxis])
        interpreter.invoke()
        right += int(np.argmax(interpreter.get_tensor(result["index"])) == label)
    return right / len(images)


def run(data: Data, recipe: Recipe) -> None:
    """Trains, prunes and converts once for each seed, then prints what came out."""
    config = tf_pconv.PatternConfig(compression=COMPRESSION.value, group_size=GROUP_SIZE.value)
    accuracies: list[list[float]] = []
    for seed in range(SEEDS.value):
        console.rule(f"seed {seed}, {seed + 1} of {SEEDS.value}")
        keras.utils.set_random_seed(seed)
        dense, pruned = train_and_prune(data, recipe, config, seed, show_plan=seed == 0)
        files = convert_all(dense, pruned, data)
        accuracies.append([tflite_accuracy(file, data) for file in files])
    console.rule("results")
    console.print(results_table(files, np.mean(accuracies, axis=0)))
    if OUT.value:
        write_all(dense, pruned, files)


def train_and_prune(
    data: Data, recipe: Recipe, config: tf_pconv.PatternConfig, seed: int, show_plan: bool
) -> tuple[keras.Model, keras.Model]:
    """Returns a dense model, and the one that was pruned from it while it trained on."""
    dense = vgg(data.image_shape, int(data.y_train.max()) + 1, recipe.widths)
    if show_plan:
        print(tf_pconv.plan(dense, config))
    train("dense", dense, data, recipe, recipe.dense_epochs, recipe.dense_rate, seed)
    pruned = tf_pconv.prune_patterns(dense, config)
    update = tf_pconv.UpdatePatternStep()
    train("pruned", pruned, data, recipe, recipe.pruned_epochs, recipe.pruned_rate, seed, update)
    return dense, tf_pconv.strip_pruning(pruned)


def convert_all(dense: keras.Model, pruned: keras.Model, data: Data) -> list[File]:
    """Converts both models, each to float32 and to int8."""
    files = []
    for dtype in ("float32", "int8"):
        files.append(File(f"dense {dtype}", convert(dense, data, dtype, "dense")))
        unpacked = convert(pruned, data, dtype, "dense")
        with step(f"Packing {dtype}"):
            result = tf_pconv.lite.pack(unpacked)
        console.print(f"pruned {dtype}: {result.report.title}")
        files.append(File(f"pruned {dtype}", result.model, rival=unpacked))
    return files


def results_table(files: Sequence[File], accuracies: Sequence[float]) -> Table:
    """Returns a table of accuracy, size, delegated nodes and latency of each file."""
    title = "One image, one thread: the delegate, and the same weights dense in XNNPACK"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.add_column("model", no_wrap=True)
    for heading in ("accuracy", "KiB", "delegated", "latency\n(ms)", "dense\n(ms)", "speed-up"):
        table.add_column(heading, justify="right", no_wrap=True)
    for file, share in zip(files, accuracies, strict=True):
        row = [file.name, f"{100 * share:.2f} %", f"{len(file.content) / 1024:,.0f}"]
        if file.rival is None:
            table.add_row(*row, "", f"{benchmark.time_dense(file.content, seconds=SECONDS):.3f}")
            continue
        subject = benchmark.Subject.from_files(file.name, file.content, file.rival)
        timed = benchmark.compare(subject, required=False, seconds=SECONDS)
        rival = timed.against("xnnpack")
        table.add_row(
            *row,
            f"{timed.delegated} of {timed.nodes}",
            f"{timed.delegate_ms:.3f}",
            f"{rival.ms:.3f}",
            f"{rival.speedup:.2f}x",
        )
    return table


def write_all(dense: keras.Model, pruned: keras.Model, files: Sequence[File]) -> None:
    """Writes the models into the folder `--out`."""
    folder = pathlib.Path(OUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    dense.save(folder / "dense.keras")
    pruned.save(folder / "pruned.keras")
    for file in files:
        (folder / f"{file.name.replace(' ', '_')}.tflite").write_bytes(file.content)
    console.print(f"Wrote the models to {folder}.")
