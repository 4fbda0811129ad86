"""The package itself: its names, and what importing it costs."""

import importlib
import os
import subprocess
import sys

import keras
import pytest
import small_models

import tf_pconv
from tf_pconv import cli, registration
from tf_pconv.benchmark.layer_case import LayerCase, build_layer


def test_every_public_name_exists():
    for name in tf_pconv.__all__:
        assert getattr(tf_pconv, name) is not None
        assert name in dir(tf_pconv)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tf_pconv' has no attribute 'prune'"):
        _ = tf_pconv.prune


def test_submodules_are_names_too():
    assert tf_pconv.schedules.PolynomialDecay is tf_pconv.PolynomialDecay


def modules_after(program, **environment):
    """Runs a program in a new process: returns the modules that it has imported."""
    program = f"import sys; {program}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return set(run.stdout.splitlines()[-1].split())


def test_training_on_another_backend_does_not_load_tensorflow():
    loaded = modules_after("from tf_pconv import *", KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")
    assert "keras" in loaded
    assert not loaded & {"tensorflow", "tensorflow_model_optimization", "ai_edge_litert"}


@pytest.mark.parametrize(
    "program",
    [
        "import tf_pconv",
        "from tf_pconv import cli; cli.main(['--help'])",
        *(
            f"from tf_pconv import cli; cli.main(['{command}', '--help'])"
            for command in cli.COMMANDS
        ),
    ],
)
def test_start_loads_neither_keras_nor_an_interpreter(program):
    assert not modules_after(program) & {"keras", "tensorflow", "ai_edge_litert"}


def test_files_are_packed_and_inspected_without_keras(tmp_path):
    path, packed = tmp_path / "layer.tflite", tmp_path / "packed.tflite"
    path.write_bytes(build_layer(LayerCase(64, 64, 8, "int8")))
    program = (
        "import tf_pconv; from tf_pconv import cli; "
        f"cli.main(['convert', '{path}', '-o', '{packed}']); cli.main(['inspect', '{packed}']); "
        "tf_pconv.load_delegate()"
    )
    loaded = modules_after(program)
    assert "ai_edge_litert" in loaded
    assert not loaded & {"keras", "tensorflow"}
    assert packed.exists()


class TestRegistration:
    """Keras finds our classes by name, whether they have been imported or not."""

    def test_every_registered_class_has_a_stand_in(self):
        for module in set(registration.MODULES.values()):
            importlib.import_module(f"tf_pconv.{module}")
        registered = {
            name: cls.__name__
            for name, cls in keras.saving.get_custom_objects().items()
            if name.startswith("tf_pconv>") and cls.__module__.startswith("tf_pconv.")
        }
        assert registered == {f"tf_pconv>{name}": name for name in registration.MODULES}

    @pytest.mark.parametrize("imports", ["keras, tf_pconv", "tf_pconv, keras"])
    def test_pruned_models_are_loaded(self, tmp_path, imports):
        path = tmp_path / "pruned.keras"
        config = tf_pconv.PatternConfig(schedule=tf_pconv.ConstantSparsity(0, 1))
        tf_pconv.prune_patterns(small_models.sequential(), config).save(path)
        program = f"import {imports}; keras.saving.load_model('{path}')"
        assert "tf_pconv.wrappers" in modules_after(program)
