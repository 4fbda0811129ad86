"""Engines of another environment: a process of its Python runs and times them, or says why not."""

import dataclasses
import gc
import importlib.util
import os
import runpy
import signal
import sys
import threading
import time
import types

import keras
import numpy as np
import pytest
from test_contestants import convert, every_operator, quantized, run

from tf_pconv import benchmark
from tf_pconv.benchmark.contestants import ENGINES, EngineError, deepsparse, litert
from tf_pconv.benchmark.contestants.outside import WORKER, Outside
from tf_pconv.benchmark.layer_case import DTYPES, LayerCase
from tf_pconv.benchmark.results import Rival

SMALL = LayerCase(16, 24, 8, "int8", group_size=4)

FAKE = """
import os, sys, time

class Fake:
    version = "1.2.3"

    def __init__(self, path, threads):
        print("a banner on the standard output")
        with open(path) as file:
            self.factor = int(file.read())
        self.threads, self.runs = threads, 0

    def set_inputs(self, arrays):
        self.inputs = arrays

    def invoke(self):
        if self.factor == 100:
            time.sleep(100)
        if self.factor < 0:
            print("first words\\nlast words", file=sys.stderr)
            os._exit(3)
        if self.factor == 0:
            raise ValueError("a factor of 0")
        self.runs += 1

    def outputs(self):
        return [self.factor * array for array in self.inputs] + [[self.runs, self.threads]]

load = Fake
"""

ONNX_RUNTIME = """
import onnxruntime

class OnnxRuntime:
    version = onnxruntime.__version__

    def __init__(self, path, threads):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def set_inputs(self, arrays):
        names = [node.name for node in self.session.get_inputs()]
        self.inputs = dict(zip(names, arrays))

    def invoke(self):
        self.results = self.session.run(None, self.inputs)

    def outputs(self):
        return self.results

load = OnnxRuntime
"""


@pytest.fixture
def outside(tmp_path):
    """Opens the fake engine with a factor, in this Python."""
    engine_file = tmp_path / "fake_engine.py"
    engine_file.write_text(FAKE)

    def open_outside(factor, threads=1, python=sys.executable):
        return Outside(str(factor).encode(), threads, python, engine_file, "fp32")

    return open_outside


def test_arrays_pass_to_the_engine_and_back(outside):
    contestant = outside(3, threads=2)
    floats, integers = np.float32([[1.5, -2.0]]), np.int8([[[1]], [[2]]])
    contestant.set_inputs([floats, integers])
    contestant.prepare()
    contestant.invoke()
    contestant.invoke()
    tripled, more, (runs, threads) = contestant.outputs()
    np.testing.assert_array_equal(tripled, 3 * floats)
    np.testing.assert_array_equal(more, 3 * integers)
    assert (tripled.dtype, more.dtype) == (np.float32, np.int8)
    assert (runs, threads) == (2, 2)
    assert (contestant.version, contestant.numbers) == ("1.2.3", "fp32")


@pytest.mark.parametrize("clock", ["process", "wall"])
def test_process_times_its_own_runs(outside, clock):
    contestant = outside(1)
    contestant.set_inputs([np.zeros(1)])
    times = contestant.take_times(clock, seconds=0.0, least=4)
    assert len(times) == 4
    assert min(times) >= 0
    runs, _ = contestant.outputs()[-1]
    assert runs == 5  # one before, which is not timed


def test_error_of_the_engine_is_reported(outside):
    with pytest.raises(EngineError, match=r"^ValueError: invalid literal for int.*'three'"):
        outside("three")
    contestant = outside(0)
    with pytest.raises(EngineError, match=r"^ValueError: a factor of 0$"):
        contestant.invoke()
    contestant.set_inputs([np.ones(2)])  # it is still there
    assert len(contestant.outputs()) == 2


def test_process_that_ends_is_reported(outside):
    contestant = outside(-1)
    for _ in range(2):
        with pytest.raises(EngineError, match=r"ended with exit code 3; it said: last words$"):
            contestant.invoke()


def test_python_that_does_not_start_is_reported(outside, tmp_path):
    with pytest.raises(EngineError, match="no-python' does not start: No such file"):
        outside(1, python=str(tmp_path / "no-python"))
    with pytest.raises(EngineError, match="its process ended with exit code 1; it said: nothing"):
        outside(1, python="false")
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho good day; read line\n")
    other.chmod(0o755)
    with pytest.raises(EngineError, match=r"it answers 'good day' instead of JSON; is it a Python"):
        outside(1, python=str(other))


def test_process_ends_with_the_contestant(outside):
    contestant = outside(1)
    pid, folder = contestant._process.pid, contestant._folder
    assert folder.exists()
    del contestant
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not folder.exists()


def test_nobody_waits_for_a_run_that_was_interrupted(outside):
    contestant = outside(100)
    pid = contestant._process.pid
    main = threading.main_thread().ident
    threading.Timer(0.2, signal.pthread_kill, [main, signal.SIGINT]).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        contestant.invoke()
    del contestant
    gc.collect()
    assert time.monotonic() - start < 50
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_engine_outside_needs_a_python():
    comparison = benchmark.benchmark_layer(SMALL, ["deepsparse"], seconds=0.0)
    assert comparison.rivals == ()
    (absentee,) = comparison.absentees
    if ENGINES["deepsparse"].installed:
        assert "--engine_python" in absentee.reason
    else:
        assert "pip install 'tf-pconv[bench]'" in absentee.reason


@pytest.mark.parametrize("dtype", DTYPES)
def test_model_for_deepsparse_computes_what_tflite_computes(dtype, rng, tmp_path, monkeypatch):
    for module in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    engine_file = tmp_path / "onnx_runtime_engine.py"
    engine_file.write_text(ONNX_RUNTIME)
    monkeypatch.setattr(deepsparse, "_ENGINE_FILE", engine_file)
    model = every_operator(keras.layers.Flatten)
    sample = rng.normal(size=model.input_shape).astype(np.float32)
    model = convert(model, dtype, sample)
    reference = litert.open_reference(model)
    inputs = [quantized(sample, reference) if dtype == "int8" else sample]
    contestant = deepsparse.DeepSparse(model, 1, sys.executable)
    (expected,), (output,) = run(reference, inputs), run(contestant, inputs)
    assert (output.shape, output.dtype) == (expected.shape, expected.dtype)
    assert output.std() > 0
    unit = 1 if dtype == "int8" else 1e-5 * np.abs(expected).max()
    assert np.abs(output.astype(np.float64) - expected).max() <= unit
    assert contestant.numbers == {"int8": "int8", "float32": "fp32"}[dtype]


def test_deepsparse_that_falls_back_is_refused(monkeypatch):
    class Engine:
        fraction_of_supported_ops = 1.0

        def __init__(self, path, batch_size, num_cores):
            self.num_cores = num_cores

    module = types.SimpleNamespace(__version__="1.8.0", Engine=Engine)
    monkeypatch.setitem(sys.modules, "deepsparse", module)
    monkeypatch.setitem(os.environ, "NM_DISABLE_ANALYTICS", "")
    load = runpy.run_path(str(WORKER / "deepsparse_engine.py"))["load"]
    assert os.environ["NM_DISABLE_ANALYTICS"] == "1"
    assert load("model.onnx", 2).version == "1.8.0"
    Engine.fraction_of_supported_ops = 0.25
    with pytest.raises(RuntimeError, match=r"^25% of the model run in DeepSparse"):
        load("model.onnx", 2)


def test_engine_that_skips_zeros_is_no_dense_one():
    def rival(engine, ms):
        return Rival(engine, "1", "int8", ms, 1.0, 1.0, 1.0, True, 0.0)

    comparison = benchmark.benchmark_layer(SMALL, [], seconds=0.0)
    rivals = (rival("deepsparse", 1.0), rival("xnnpack", 2.0), rival("openvino", 3.0))
    comparison = dataclasses.replace(comparison, rivals=rivals)
    assert comparison.fastest("int8").engine == "xnnpack"
