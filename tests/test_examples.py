"""The examples' own code works; tiny networks, so that it is quick."""

import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from tf_pconv import lite

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "examples"))

import cifar10
import digits
import workflow


@pytest.fixture
def out(tmp_path):
    """Folder that --out names."""
    folder = tmp_path / "out"
    flags.FLAGS(["example", "--data=unused.npz", f"--out={folder}", "--group_size=2"])
    yield folder
    flags.FLAGS.unparse_flags()


@pytest.fixture
def images(rng):
    return rng.integers(256, size=(6, 32, 32, 3), dtype=np.uint8)


def test_workflow_trains_prunes_converts_and_writes(out, rng, capsys, monkeypatch):
    monkeypatch.setattr(workflow, "SECONDS", 0.0)
    x = rng.normal(size=(48, 8, 8, 1)).astype(np.float32)
    y = (x.mean(axis=(1, 2, 3)) > 0).astype(int)
    recipe = workflow.Recipe((64, 64), 1, 1, dense_rate=1e-2, pruned_rate=1e-2, batch_size=16)
    workflow.run(workflow.Data(x[:32], y[:32], x[32:], y[32:]), recipe)
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("dense float32", "pruned int8", "test accuracy"))
    for dtype in ("float32", "int8"):
        assert len(lite.inspect(out / f"pruned_{dtype}.tflite").packed) == 1


def test_digits_are_32_by_32_and_split_in_classes():
    data = digits.load()
    assert data.image_shape == (32, 32, 1)
    assert len(data.x_train) + len(data.x_test) == 1797
    assert np.bincount(data.y_test).min() >= 43


def test_cifar10_from_arrays(images, tmp_path):
    path = tmp_path / "arrays.npz"
    labels = np.arange(6).reshape(-1, 1)
    np.savez(path, x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
    data = cifar10.load(str(path))
    assert data.y_train.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(data.x_test * 64 + 120, images[:2])


def test_cifar10_from_jpeg(images, tmp_path):
    plain = np.broadcast_to(images[:, :1, :1], images.shape)  # JPEG keeps images of one colour
    files = [tf.io.encode_jpeg(image, quality=100).numpy() for image in plain]
    parts = {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "labels": np.arange(6),
    }
    path = tmp_path / "jpeg.npz"
    np.savez(path, **{f"{p}_{k}": v for p in ("train", "test") for k, v in parts.items()})
    data = cifar10.load(str(path))
    assert data.y_test.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(data.x_train * 64 + 120, plain, atol=3)


def test_cifar10_from_something_else_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, images=np.zeros(3))
    with pytest.raises(ValueError, match="holds images; needed are x_train"):
        cifar10.load(str(path))


def test_augmented_images_keep_their_shape(images):
    assert cifar10.augment(images).shape == images.shape
