"""TVM computes what the `.tflite` says, and its tuning is kept; the rest needs no TVM."""

import contextlib
import json
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
from test_contestants import convert, every_operator, run

from tf_pconv import progress
from tf_pconv.benchmark.contestants import ENGINES, EngineError, graph, litert, tvm, tvm_tuning
from tf_pconv.benchmark.contestants.tvm_model import RelaxWriter

needs_tvm = pytest.mark.skipif(not ENGINES["tvm"].installed, reason="tvm is not installed")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of what was measured, still empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("TVM_NUM_THREADS", "TVM_BIND_THREADS"):  # restored afterwards
        monkeypatch.setenv(name, "")
    tvm._compile.cache_clear()
    return tmp_path / "tf_pconv" / "tvm"


@needs_tvm
@pytest.mark.parametrize("head", [keras.layers.Flatten, keras.layers.GlobalAveragePooling2D])
def test_untuned_model_computes_what_tflite_computes(head, rng, cache, monkeypatch):
    monkeypatch.setattr(tvm_tuning, "TRIALS", 0)
    model = every_operator(head)
    sample = rng.normal(size=model.input_shape).astype(np.float32)
    model = convert(model, "float32", sample)
    contestant = ENGINES["tvm"].open(model, 1)
    assert contestant.numbers == "fp32"
    assert contestant.version.endswith("(0 trials)")
    (expected,), (output,) = (
        run(litert.open_reference(model), [sample]),
        run(contestant, [sample]),
    )
    assert (output.shape, output.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(output, expected, atol=1e-5 * np.abs(expected).max())


@needs_tvm
def test_trials_are_made_once(rng, cache, monkeypatch):
    monkeypatch.setattr(tvm_tuning, "TRIALS", 2)
    layers = [keras.Input((6, 6, 8), batch_size=1), keras.layers.Conv2D(16, 3, activation="relu")]
    model = convert(keras.Sequential(layers), "float32", None)
    sample = rng.normal(size=(1, 6, 6, 8)).astype(np.float32)
    (expected,) = run(litert.open_reference(model), [sample])
    for _ in range(2):
        (output,) = run(ENGINES["tvm"].open(model, 1), [sample])
        np.testing.assert_allclose(output, expected, atol=1e-5 * np.abs(expected).max())
        tvm._compile.cache_clear()
        monkeypatch.setattr(subprocess, "Popen", None)  # what the first one started
    (records,) = cache.glob("*/database_tuning_record.json")
    assert len(records.read_text().splitlines()) == 2


class Recorder:
    """Stands for `relax.op`: an expression is its operator, arguments and settings."""

    def __init__(self, names=()):
        self._names = names

    def __getattr__(self, name):
        return Recorder((*self._names, name))

    def __call__(self, *arguments, **settings):
        return (".".join(self._names), arguments, settings)


class Builder:
    """Stands for `relax.BlockBuilder`."""

    def __init__(self):
        self.emitted = []

    def function(self, name, inputs):
        return contextlib.nullcontext()

    def dataflow(self):
        return contextlib.nullcontext()

    def emit(self, expression):
        self.emitted.append(expression)
        return expression

    emit_output = emit_func_output = emit

    def get(self):
        return self.emitted


@pytest.fixture
def fake_tvm(monkeypatch):
    """A Relax that keeps what is written."""
    relax = types.SimpleNamespace(
        op=Recorder(),
        BlockBuilder=Builder,
        Var=lambda name, kind: name,
        TensorType=lambda shape, dtype: (shape, dtype),
        Tuple=tuple,
        const=np.asarray,
    )
    monkeypatch.setitem(sys.modules, "tvm", types.SimpleNamespace(relax=relax))


def test_operators_keep_the_layout_of_the_tflite(fake_tvm):
    model = convert(every_operator(keras.layers.Flatten), "float32", None)
    written = RelaxWriter(graph.read_graph(model)).module
    (activation, (biased,), _), (clipped, (depthwise, low, high), _), *_ = written
    assert (activation, clipped, low, high) == ("nn.relu", "clip", 0.0, 6.0)
    kind, (product, bias), _ = biased
    assert (kind, bias.shape) == ("add", (8,))
    kind, (_, weights), settings = product
    assert (kind, weights.shape) == ("nn.conv2d", (3, 3, 3, 8))
    assert (settings["data_layout"], settings["kernel_layout"]) == ("NHWC", "HWIO")
    assert (settings["strides"], settings["padding"]) == ((2, 2), (1, 1, 1, 1))
    _, (_, weights), settings = depthwise[1][0]
    assert (weights.shape, settings["groups"]) == ((3, 3, 1, 8), 8)


def test_int8_model_is_refused(fake_tvm, rng):
    layers = [keras.Input((4, 4, 3), batch_size=1), keras.layers.Conv2D(4, 1)]
    sample = rng.normal(size=(1, 4, 4, 3)).astype(np.float32)
    model = convert(keras.Sequential(layers), "int8", sample)
    with pytest.raises(EngineError, match="TVM takes float32 models only here"):
        RelaxWriter(graph.read_graph(model))


@pytest.fixture
def tuner(tmp_path, monkeypatch):
    """Makes a program of some lines the one that tunes."""
    monkeypatch.setattr(tvm_tuning, "WORKER", tmp_path)
    return (tmp_path / "tvm_tuner.py").write_text


ASKED = {"target": {}, "folder": "folder", "tasks": [{"module": "a", "trials": 40}] * 2}


def test_progress_of_tuning_is_shown(tuner, tmp_path, monkeypatch):
    file = tmp_path / "asked"
    tuner(f"import sys\nopen({str(file)!r}, 'w').write(sys.stdin.read())\nprint(32)\nprint(48)")
    counts = []

    @contextlib.contextmanager
    def bar(text, total):
        counts.append((text, total))
        yield counts.append

    monkeypatch.setattr(progress, "bar", bar)
    tvm_tuning._make_trials(ASKED)
    assert counts == [("TVM makes 80 trials", 80), 32, 48]
    assert json.loads(file.read_text()) == ASKED


def test_tuning_that_fails_is_reported(tuner):
    tuner("import sys\nsys.stdin.read()\nprint(1)\nsys.exit('no compiler')")
    with pytest.raises(EngineError, match="TVM's tuning ended with 1; it said: no compiler"):
        tvm_tuning._make_trials(ASKED)
