"""The package itself: its names, and what importing it costs."""

import os
import subprocess
import sys

import pytest

import tf_pconv


def test_every_public_name_exists():
    for name in tf_pconv.__all__:
        assert getattr(tf_pconv, name) is not None
        assert name in dir(tf_pconv)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tf_pconv' has no attribute 'prune'"):
        _ = tf_pconv.prune


def test_import_on_another_backend_does_not_load_tensorflow():
    program = (
        "import sys, tf_pconv; heavy = {'tensorflow', 'tensorflow_model_optimization', "
        "'ai_edge_litert'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert run.returncode == 0
