"""Commands that are interrupted or cannot be done leave nothing behind; starting is quiet."""

import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
import small_models

from tf_pconv import cli
from tf_pconv.benchmark import comparison

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def failed(capsys, tmp_path):
    """Runs a command line that must fail: returns its exit code and sentence."""

    def run(*arguments):
        before = sorted(tmp_path.rglob("*"))
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert sorted(tmp_path.rglob("*")) == before
        return code, error.strip().splitlines()[-1]

    return run


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt, 130, "tf-pconv: interrupted; nothing was written."),
        (MemoryError, 1, "tf-pconv: there is not enough memory."),
    ],
)
def test_bench(failed, tmp_path, monkeypatch, error, code, sentence):
    def interrupted(*_, **__):
        raise error

    monkeypatch.setattr(comparison, "benchmark_layer", interrupted)
    command = ["bench", "--layer", "8,8,8", "--json", tmp_path / "a.json"]
    assert failed(*command) == (code, sentence)


@pytest.mark.parametrize("command", ["prune", "convert"])
def test_writing(failed, tmp_path, monkeypatch, command):
    model, output = tmp_path / "model.keras", tmp_path / "output"
    small_models.sequential().save(model)
    output = output.with_suffix({"prune": ".keras", "convert": ".tflite"}[command])

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pathlib.Path, "replace", interrupted)
    code, sentence = failed(command, model, "-o", output)
    assert (code, sentence) == (130, "tf-pconv: interrupted; nothing was written.")


def test_what_tensorflow_cannot_convert(failed, tmp_path):
    path = tmp_path / "half.keras"
    model = small_models.sequential()
    for layer in model.layers:
        layer.dtype_policy = "mixed_float16"
    model.save(path)
    code, sentence = failed("convert", path, "-o", tmp_path / "half.tflite")
    assert code == 1
    assert sentence.startswith(f"tf-pconv: {path} cannot be converted: The layer")
    assert sentence.endswith("set `layer.dtype_policy = 'float32'` for every layer before.")


def test_calibration_that_is_not_finite(failed, tmp_path):
    path, inputs = tmp_path / "model.keras", tmp_path / "inputs.npz"
    small_models.sequential().save(path)
    np.savez(inputs, np.full((4, *small_models.SHAPE), np.nan))
    flags = ["--quantize", "int8", "--calibration", inputs]
    code, sentence = failed("convert", path, "-o", tmp_path / "model.tflite", *flags)
    assert code == 1
    assert sentence.endswith("are not all finite numbers.")


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_time_without_an_end(failed, seconds):
    code, sentence = failed("bench", "--layer", "8,8,8", "--seconds", seconds)
    assert code == 2
    assert sentence == f"tf-pconv: --seconds {seconds}: finite numbers are needed."


@pytest.mark.parametrize("layer", ["99999999999,8,8", "65536,65536,1", "8,8,99999"])
def test_layer_that_fits_no_file(failed, layer):
    code, sentence = failed("bench", "--layer", layer)
    assert code == 1
    assert "is too large" in sentence


def test_folders_in_place_of_files(failed, tmp_path):
    folder, file = tmp_path / "folder.tflite", tmp_path / "file.tflite"
    folder.mkdir()
    file.write_bytes(b"")
    code, sentence = failed("inspect", folder)
    assert code == 2
    assert sentence.endswith("a file that ends in .tflite is needed.")
    code, sentence = failed("convert", file, "-o", folder, "--overwrite")
    assert (code, sentence) == (2, f"tf-pconv: {folder} is a folder; name a file.")


class TestQuietStart:
    """A module that stands in for TensorFlow writes what TensorFlow's C++ code does."""

    LINES = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "I0000 00:00:1.000001    1 port.cc:153] oneDNN custom operations are on.",
        "E0000 00:00:1.000002    1 somewhere.cc:1] Something is wrong.",
    )

    def start(self, folder, failing=False, **environment):
        text = "".join(line + "\n" for line in self.LINES)
        lines = ["import os", f"os.write(2, {text.encode()!r})"]
        lines += ["raise RuntimeError('broken')"] * failing
        (folder / "tensorflow.py").write_text("\n".join(lines))
        variables = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
        show = "import os, tf_pconv.quiet_start; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
        return subprocess.run(
            [sys.executable, "-c", show],
            capture_output=True,
            text=True,
            env={**variables, "PYTHONPATH": f"{folder}:{ROOT}", **environment},
        )

    def test_only_chatter_is_held_back(self, tmp_path):
        process = self.start(tmp_path)
        assert process.stdout == "3\n"
        assert process.stderr == self.LINES[-1] + "\n"

    def test_the_user_decides(self, tmp_path):
        process = self.start(tmp_path, TF_CPP_MIN_LOG_LEVEL="1")
        assert process.stdout == "1\n"
        assert process.stderr == self.LINES[-1] + "\n"

    def test_everything_is_left_to_the_user_on_demand(self, tmp_path):
        process = self.start(tmp_path, TF_CPP_MIN_LOG_LEVEL="0")
        assert process.stdout == "0\n"
        assert process.stderr == ""  # TensorFlow was not even loaded.

    def test_errors_are_shown(self, tmp_path):
        process = self.start(tmp_path, failing=True)
        assert process.returncode == 1
        assert self.LINES[-1] in process.stderr
        assert process.stderr.endswith("RuntimeError: broken\n")

    def test_ctrl_c_ends_it_at_once(self, tmp_path):
        (tmp_path / "tensorflow.py").write_text(
            "import os, time\nos.write(1, b'loading')\ntime.sleep(60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", "import tf_pconv.quiet_start"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "3"},
            # Shells start background jobs, such as a test run, without Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            assert process.stdout.read(7) == b"loading"
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=30)
        assert (process.returncode, error) == (-signal.SIGINT, b"")
