"""The command line does its work, or says in one sentence why not and writes nothing."""

import json
import os
import pathlib
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import small_models

from tf_pconv import cli, lite
from tf_pconv.benchmark.layer_case import LayerCase, build_layer

ALL = ("--min_speedup", "0")
"""Small layers gain nothing, and are packed on demand only."""


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "model.keras"
    small_models.sequential().save(path)
    return path


@pytest.fixture
def pruned_file(model_file):
    path = model_file.with_name("pruned.keras")
    assert cli.main(["prune", str(model_file), "-o", str(path)]) == 0
    return path


@pytest.fixture
def calibration_file(tmp_path, rng):
    path = tmp_path / "inputs.npz"
    np.savez(path, rng.normal(size=(4, *small_models.SHAPE)))
    return path


@pytest.fixture
def refused(capsys, tmp_path):
    """Runs a command line that must fail: returns what it says, having written nothing."""

    def run(*arguments, code=2):
        before = sorted(tmp_path.rglob("*"))
        capsys.readouterr()
        assert cli.main([str(argument) for argument in arguments]) == code
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert sorted(tmp_path.rglob("*")) == before
        return captured.err.strip().splitlines()[-1]

    return run


def _kernel(model, name):
    return keras.ops.convert_to_numpy(model.get_layer(name).kernel)


def test_overview_names_every_command(capsys):
    assert cli.main([]) == 0
    overview = capsys.readouterr().out
    assert all(f"\n  {name} " in overview for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_shows_usage_and_examples(name, capsys):
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: tf-pconv {name}")
    assert f"  tf-pconv {name} " in text.partition("Examples:")[2]


def test_unknown_command_is_refused(refused):
    assert "no command 'prun'; the commands are plan, prune" in refused("prun")


def test_unknown_flag_is_refused(refused, model_file):
    assert "group_size" in refused("plan", model_file, "--grop_size=4")


def test_missing_argument_is_refused(refused):
    assert "takes MODEL.tflite, but received none" in refused("inspect")


def test_plan_shows_layers(model_file, capsys):
    assert cli.main(["plan", str(model_file), "--group-size", "2"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("stem", "body1", "body2", "head"))


def test_unknown_library_is_refused(refused, model_file):
    assert "scp9" in refused("plan", model_file, "--library", "scp9", code=1)


def test_prune_prunes_and_says_what_to_do_next(model_file, tmp_path, capsys):
    path = tmp_path / "out.keras"
    assert cli.main(["prune", str(model_file), "-o", str(path)]) == 0
    assert "fine-tune" in capsys.readouterr().out
    dense, pruned = (keras.saving.load_model(file) for file in (model_file, path))
    for name, shrinks in (("stem", False), ("body1", True), ("body2", True), ("head", False)):
        before, after = (_kernel(model, name) for model in (dense, pruned))
        kept = np.count_nonzero(after)
        assert kept == (8 * 4 * round(8 * 9 / (4 * 8)) if shrinks else before.size)
        np.testing.assert_array_equal(after[after != 0], before[after != 0])


def test_skipped_layer_stays_dense(model_file, tmp_path):
    path = tmp_path / "out.keras"
    assert cli.main(["prune", str(model_file), "-o", str(path), "--skip", "body1"]) == 0
    pruned = keras.saving.load_model(path)
    assert np.count_nonzero(_kernel(pruned, "body1")) == 8 * 8 * 9
    assert np.count_nonzero(_kernel(pruned, "body2")) < 8 * 8 * 9


def test_output_is_replaced_only_on_demand(model_file, pruned_file, refused):
    command = ["prune", str(model_file), "--output", str(pruned_file), "--compression", "4.5"]
    before = pruned_file.read_bytes()
    assert "add --overwrite" in refused(*command)
    assert pruned_file.read_bytes() == before
    assert cli.main([*command, "--overwrite"]) == 0
    assert pruned_file.read_bytes() != before


def test_missing_model_is_refused(refused, tmp_path):
    missing = tmp_path / "missing.keras"
    assert f"{missing}: there is no such file" in refused("plan", missing)


def test_wrong_suffix_is_refused(refused, model_file):
    assert "must end in .tflite" in refused("convert", model_file, "-o", "model.bin")


def test_missing_folder_is_refused(refused, model_file, tmp_path):
    output = tmp_path / "no_such_folder" / "model.tflite"
    assert "no such folder" in refused("convert", model_file, "-o", output)


def test_damaged_model_is_refused(refused, tmp_path):
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(b"PK\x03\x04 and no more")
    assert refused("plan", damaged, code=1) == (
        f"tf-pconv: {damaged} is damaged or no .keras file, which is a zip archive."
    )


@pytest.mark.parametrize("command", ["plan", "prune"])
def test_a_user_sees_what_was_asked_for_and_nothing_else(model_file, tmp_path, command):
    arguments = [
        command,
        model_file,
        *(["-o", tmp_path / "out.keras"] if command == "prune" else []),
    ]
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    run = subprocess.run(
        [sys.executable, "-m", "tf_pconv.cli", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=pathlib.Path(__file__).parents[1],
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("Plan of 'small'")


def test_warnings_are_sentences():
    with cli._warnings_as_sentences():
        line = warnings.formatwarning(UserWarning("Look here."), UserWarning, "some.py", 1)
    assert line == "tf-pconv: warning: Look here.\n"


def test_convert_packs_floats(pruned_file):
    output = pruned_file.with_suffix(".tflite")
    assert cli.main(["convert", str(pruned_file), "-o", str(output), *ALL]) == 0
    assert len(lite.inspect(output).packed) == 2


def test_convert_quantizes(pruned_file, calibration_file):
    output = pruned_file.with_suffix(".tflite")
    command = ["convert", str(pruned_file), "-o", str(output), "--quantize", "int8", *ALL]
    assert cli.main([*command, "--calibration", str(calibration_file)]) == 0
    packed = lite.inspect(output).packed
    assert [convolution.type for convolution in packed] == ["int8", "int8"]


def test_int8_without_calibration_is_refused(refused, pruned_file, tmp_path):
    output = tmp_path / "model.tflite"
    assert "--calibration" in refused("convert", pruned_file, "-o", output, "--quantize", "int8")


def test_calibration_of_wrong_shape_is_refused(refused, pruned_file, tmp_path):
    inputs, output = tmp_path / "wrong.npz", tmp_path / "model.tflite"
    np.savez(inputs, np.zeros((4, 5, 5, 3)))
    flags = ["--quantize", "int8", "--calibration", inputs]
    message = refused("convert", pruned_file, "-o", output, *flags, code=1)
    assert "samples of shape (8, 8, 3)" in message
    assert "(4, 5, 5, 3)" in message


@pytest.mark.parametrize("content", [b"junk", np.array([{}]), np.full((2, 8, 8, 3), "a")])
def test_calibration_without_numbers_is_refused(refused, pruned_file, tmp_path, content):
    inputs = tmp_path / "wrong.npz"
    if isinstance(content, bytes):
        inputs.write_bytes(content)
    else:
        np.savez(inputs, content)
    flags = ["--quantize", "int8", "--calibration", inputs]
    message = refused("convert", pruned_file, "-o", tmp_path / "model.tflite", *flags, code=1)
    assert message.startswith(f"tf-pconv: {inputs}")
    assert "numbers" in message


def test_inputs_with_different_numbers_of_samples_are_refused(refused, tmp_path):
    model, arrays = tmp_path / "two.keras", tmp_path / "uneven.npz"
    inputs = [keras.Input((8, 8, 3), name=name) for name in "ab"]
    keras.Model(inputs, keras.layers.Conv2D(4, 3)(keras.layers.Add()(inputs))).save(model)
    np.savez(arrays, a=np.zeros((4, 8, 8, 3)), b=np.zeros((3, 8, 8, 3)))
    flags = ["--quantize", "int8", "--calibration", arrays]
    message = refused("convert", model, "-o", tmp_path / "model.tflite", *flags, code=1)
    assert message.endswith("different numbers of samples: 4 of 'a', 3 of 'b'.")


def test_convert_packs_and_unpacks_tflite(tmp_path):
    dense, packed, unpacked = (tmp_path / f"{name}.tflite" for name in ("a", "b", "c"))
    dense.write_bytes(build_layer(LayerCase(16, 16, 6, "int8")))
    assert cli.main(["convert", str(dense), "-o", str(packed), *ALL]) == 0
    assert len(lite.inspect(packed).packed) == 1
    command = ["convert", str(packed), "-o", str(unpacked), "--pattern_format", "dense"]
    assert cli.main(command) == 0
    assert len(lite.inspect(unpacked).packed) == 0


def test_quantizing_a_tflite_is_refused(refused, tmp_path, calibration_file):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"")
    flags = ["--quantize", "int8", "--calibration", calibration_file]
    assert "quantized already" in refused("convert", path, "-o", tmp_path / "b.tflite", *flags)


def test_inspect_shows_packed_convolutions(pruned_file, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    output = pruned_file.with_suffix(".tflite")
    assert cli.main(["convert", str(pruned_file), "-o", str(output), *ALL]) == 0
    capsys.readouterr()
    assert cli.main(["inspect", str(output)]) == 0
    assert capsys.readouterr().out.count("PConv2D") == 2


def test_truncated_tflite_is_refused(refused, tmp_path):
    path = tmp_path / "truncated.tflite"
    path.write_bytes(build_layer(LayerCase(8, 8, 4, "float32"))[:200])
    assert refused("inspect", path, code=1).startswith("tf-pconv: ")


@pytest.mark.parametrize("width", [80, 120])
def test_bench_shows_names_and_speeds_at_any_width(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    command = ["bench", "--layer", "16,16,6", "--seconds", "0", "--threads", "1"]
    assert cli.main(command) == 0
    shown = capsys.readouterr().out
    table = shown.partition("kernels:")[0]
    assert max(map(len, table.splitlines())) <= width
    assert "…" not in table
    assert "".join(table.split()).count("16,16,6") == 2  # times, and operations
    assert ("interval" in table) is (width == 120)


def test_bench_writes_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    path, picture = tmp_path / "bench.json", tmp_path / "bench.svg"
    layer = ["--layer", "16,16,6", "--dtype", "int8", "--dtype", "fp32", "--group-size", "2"]
    command = ["bench", *layer, "--seconds", "0", "--json", str(path), "--plot", str(picture)]
    assert cli.main(command) == 0
    results = json.loads(path.read_text())["results"]
    assert [result["name"] for result in results] == [
        "16,16,6 int8 group 2 8x",
        "16,16,6 float32 group 2 8x",
    ]
    assert all(result["delegated"] == 1 for result in results)
    assert picture.exists()
    table = capsys.readouterr().out
    assert "16,16,6 float32 group 2 8x" in table
    assert all(kernel in table for result in results for kernel in result["kernels"])


def test_bench_draws_speed_against_compression(tmp_path, capsys):
    path, picture = tmp_path / "bench.json", tmp_path / "bench.svg"
    sizes = ["--layer", "16,16,6", "--chain", "2", "--compression", "3", "--compression", "6"]
    command = ["bench", *sizes, "--seconds", "0", "--json", str(path), "--plot", str(picture)]
    assert cli.main(command) == 0
    cases = [result["case"] for result in json.loads(path.read_text())["results"]]
    assert [(case["chain"], case["compression"]) for case in cases] == [(2, 3.0), (2, 6.0)]
    assert "weights before over weights after" in picture.read_text()


def test_bench_prints_nothing_but_json_to_standard_output(capsys):
    assert cli.main(["bench", "--layer", "16,16,6", "--seconds", "0", "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["results"]) == 1


def test_bench_without_anything_to_time_is_refused(refused):
    assert "either --layer" in refused("bench")


def test_malformed_layer_is_refused(refused):
    assert "three whole numbers" in refused("bench", "--layer", "256,256")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--network vgg16 --kernel-size 1", "--kernel_size is for --layer"),
        ("--model model.tflite --chain 2", "--chain is for --layer"),
        ("--model model.tflite --dtype fp32", "--dtype is for layers and networks"),
        ("--model model.tflite --nopack", "--pack is for layers and networks"),
        ("--layer 8,8,8 --cache networks", "--cache keeps networks"),
        ("--layer 8,8,8 --engine_python python", "python is for --engine deepsparse; add that"),
        ("--layer 8,8,8 --compression inf", "--compression [inf]: finite numbers are needed"),
        ("--layer 8,8,8 --seconds nan", "--seconds nan: finite numbers are needed"),
        ("--layer 8,8,8 --seed -1", "--seed=-1"),
    ],
)
def test_bench_refuses_what_would_have_no_effect_or_no_sense(refused, arguments, message):
    assert message in refused("bench", *arguments.split())


def test_bench_refuses_one_file_for_two_pictures(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = ["--plot", "both.svg", "--roofline", tmp_path / "both.svg"]
    assert "--plot and --roofline both name" in refused("bench", "--layer", "8,8,8", *pictures)


def test_bench_tries_to_write_before_it_measures(refused):
    message = refused("bench", "--layer", "8,8,8", "--roofline", "/proc/roofline.svg")
    assert message.startswith("tf-pconv: /proc: the folder cannot be written to (")
