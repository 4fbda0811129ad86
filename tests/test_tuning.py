"""Tuning finds what is faster, keeps it through interruptions, and the delegate runs it."""

import signal

import numpy as np
import pytest
from tflite_models import Conv, chain, pattern_weights, quantize

import tf_pconv
from tf_pconv import cli, lite
from tf_pconv.lite.delegation import open_delegated
from tf_pconv.lite.tuning import Choices, TunedLayer, search
from tf_pconv.lite.tuning.tuning_file import read_tunings, write_tunings

FASTER = Choices(block_bytes=32 * 1024)

TUNINGS = {
    "AuthenticAMD-26-2-1-avx2": {
        "qs8-3x3-c64": TunedLayer(Choices("qs8-pconv-g4-p64-avx2", 65536), 3.25),
        "f32-3x3-c64": TunedLayer(Choices(), 0.5),
    },
    "GenuineIntel-6-1-2": {"qs8-3x3-c64": TunedLayer()},
}


@pytest.fixture
def model(rng):
    """Two convolutions, of which the second occurs twice; the delegate takes them all."""
    try:
        tf_pconv.delegate_path()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    convs = []
    for filters, channels in ((16, 8), (16, 16), (16, 16)):
        weights = pattern_weights(rng, filters, channels, group_size=4)
        convs.append(Conv(*quantize(weights)))
    return lite.pack(chain(*convs, side=6).serialize(), min_speedup=0).model


@pytest.fixture
def timed(monkeypatch):
    """Replaces the clock: `FASTER` takes half as long as anything else; returns what was timed."""
    calls = []

    def time_choices(layer, choices, threads, seconds):
        calls.append((layer.signature, tuple(choices)))
        turns = 1 + 0.01 * np.arange(10)
        return np.stack([turns * (0.5 if each == FASTER else 1) for each in choices], axis=1)

    monkeypatch.setattr(search, "time_choices", time_choices)
    return calls


def tune(model, path, **arguments):
    return lite.tune(model, path, **{"trials": 4, "show_progress": False, **arguments})


class TestFile:
    def test_what_is_written_is_read(self, tmp_path):
        path = tmp_path / "folder" / "tuning.txt"
        write_tunings(path, TUNINGS)
        assert read_tunings(path) == TUNINGS
        assert [each.name for each in path.parent.iterdir()] == ["tuning.txt"]

    def test_no_file_holds_nothing(self, tmp_path):
        assert read_tunings(tmp_path / "none.txt") == {}

    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            ("layers a", "no processor, and no layer"),
            ("processor a b", "no processor"),
            ("layer", "'' is no signature"),
            ("layer a/b", "'a/b' is no signature"),
            ("layer a speed=1", "no field 'speed'"),
            ("layer a  gain=1", "no field ''"),
            ("layer a gain=1 gain=1", "gain occurs twice"),
            ("layer a gain=-1", "gain is '-1'"),
            ("layer a kernel=", "kernel is ''"),
            ("layer a block_bytes=0", "block_bytes is '0'"),
        ],
    )
    def test_malformed_lines_are_named(self, tmp_path, line, sentence):
        path = tmp_path / "tuning.txt"
        path.write_text(f"tf_pconv tuning 1\nprocessor p\nlayer x\n{line}\n")
        with pytest.raises(ValueError, match=rf"tuning.txt, line 4: .*{sentence}"):
            read_tunings(path)
        with pytest.raises(ValueError, match="line 4"):  # The delegate is as strict.
            tf_pconv.load_delegate({"tuning": path})

    def test_a_layer_occurs_once(self, tmp_path):
        path = tmp_path / "tuning.txt"
        path.write_text("tf_pconv tuning 1\nprocessor p\nlayer x\nlayer x gain=1\n")
        with pytest.raises(ValueError, match="line 4: 'x' is no signature, or occurs twice"):
            read_tunings(path)

    def test_other_files_are_refused(self, tmp_path):
        for content in (b"", b"TFL3", b"\xff\xfe", b"tf_pconv tuning 2\n"):
            path = tmp_path / "other"
            path.write_bytes(content)
            with pytest.raises(ValueError, match="is no tuning file"):
                read_tunings(path)

    def test_the_default_place_is_among_the_caches(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert lite.tuning_path() == tmp_path / "tf_pconv" / "tuning.txt"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert lite.tuning_path() == tmp_path / ".cache" / "tf_pconv" / "tuning.txt"


def test_what_is_faster_is_chosen_and_runs(model, timed, tmp_path):
    path = tmp_path / "tuning.txt"
    report = tune(model, path)
    assert [len(layer.names) for layer in report.layers] == [1, 2]
    assert all(layer.tuned == TunedLayer(FASTER, gain=2.0) for layer in report.layers)
    assert all(layer.improvement == 2.0 for layer in report.layers)
    assert "2.000x" in str(report)
    _, delegation = open_delegated(model, {"tuning": str(path)})
    assert [layer.signature for layer in delegation.layers] == [
        report.layers[0].signature,
        *[report.layers[1].signature] * 2,
    ]


def test_the_default_stays_where_nothing_is_surely_faster(model, monkeypatch, tmp_path, rng):
    def time_choices(layer, choices, threads, seconds):
        return rng.uniform(0.5, 1.5, (40, len(choices)))

    monkeypatch.setattr(search, "time_choices", time_choices)
    # With a confidence of 95 % one in forty would pass by chance.
    monkeypatch.setattr(search, "median_interval", lambda ratios: (0.99, 1.5))
    report = tune(model, tmp_path / "tuning.txt")
    assert all(layer.tuned.choices == Choices() for layer in report.layers)
    assert all(layer.improvement == 1.0 for layer in report.layers)


def test_real_times(model, tmp_path):
    report = tune(model, tmp_path / "tuning.txt", trials=1, seconds=0)
    assert all(layer.tuned.gain > 0 and layer.milliseconds > 0 for layer in report.layers)


def test_named_kernels_run(model, tmp_path):
    _, delegation = open_delegated(model)
    kernels = delegation.layers[0].kernels
    if not kernels[0]:
        pytest.skip("this processor runs no kernel")
    other = next(name for name in kernels if (name,) != delegation.kernels)
    path = tmp_path / "tuning.txt"
    layers = {layer.signature: TunedLayer(Choices(other)) for layer in delegation.layers}
    write_tunings(path, {delegation.processor: layers})
    _, tuned = open_delegated(model, {"tuning": str(path)})
    assert tuned.kernels == (other,)


def test_an_interruption_keeps_what_is_finished(model, timed, monkeypatch, tmp_path):
    path = tmp_path / "tuning.txt"
    finished = []

    def tune_layer(*arguments):
        if finished:
            raise KeyboardInterrupt
        finished.append(search.tune_layer(*arguments))
        return finished[0]

    with monkeypatch.context() as patch:
        patch.setattr("tf_pconv.lite.tuning.tuner.tune_layer", tune_layer)
        with pytest.raises(KeyboardInterrupt):
            tune(model, path)
    (layers,) = read_tunings(path).values()
    assert list(layers) == [finished[0].signature]
    timed.clear()
    report = tune(model, path)
    assert {signature for signature, _ in timed} == {report.layers[1].signature}
    assert [layer.improvement for layer in report.layers] == [None, 2.0]
    timed.clear()
    tune(model, path, again=True)
    assert len({signature for signature, _ in timed}) == 2


def test_other_layers_and_processors_stay(model, timed, tmp_path):
    path = tmp_path / "tuning.txt"
    write_tunings(path, TUNINGS)
    tune(model, path)
    tunings = read_tunings(path)
    assert TUNINGS.items() <= tunings.items()
    assert len(tunings) == 3


def test_threads_are_tuned_by_themselves(model, timed, tmp_path):
    path = tmp_path / "tuning.txt"
    signatures = [
        {layer.signature for layer in tune(model, path, threads=threads).layers}
        for threads in (1, 2)
    ]
    assert not signatures[0] & signatures[1]


def test_convolutions_without_patterns_are_named(rng, tmp_path):
    dense = chain(Conv(rng.normal(size=(4, 3, 3, 4)).astype(np.float32)), side=4)
    report = tune(dense.serialize(), tmp_path / "tuning.txt")
    assert report.layers == ()
    assert "weights" in report.reasons["conv0"]
    assert "Not tuned: conv0" in str(report)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"trials": 0}, "trials must be at least 1, but is 0"),
        ({"seconds": float("nan")}, "seconds must be a finite number"),
        ({"threads": 0}, "threads must be at least 1, but is 0"),
    ],
)
def test_arguments_out_of_range(tmp_path, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        tune(b"", tmp_path / "tuning.txt", **arguments)


def test_a_missing_optimiser_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(search.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install tf-pconv\[tune\]"):
        tune(b"", tmp_path / "tuning.txt")


class TestCommand:
    @pytest.fixture
    def files(self, model, tmp_path):
        path = tmp_path / "model.tflite"
        path.write_bytes(model)
        return path, tmp_path / "tuning.txt"

    def test_it_prints_a_table(self, files, timed, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "120")
        model, output = files
        assert cli.main(["tune", str(model), "-o", str(output), "--trials", "4"]) == 0
        shown = capsys.readouterr().out
        assert "block_bytes=32768" in shown
        assert f'load_delegate({{"tuning": "{output}"}})' in shown
        assert output.exists()

    def test_ctrl_c_says_what_is_kept(self, files, monkeypatch, capsys):
        def interrupted(*_):
            signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr("tf_pconv.lite.tuning.tuner.tune_layer", interrupted)
        model, output = files
        assert cli.main(["tune", str(model), "-o", str(output)]) == 130
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error == (
            f"tf-pconv: interrupted; {output} keeps the layers that were finished, and the same "
            "command goes on from there."
        )

    def test_a_folder_is_refused(self, files, tmp_path, capsys):
        model, _ = files
        for output in (tmp_path, tmp_path / "none" / "tuning.txt"):
            assert cli.main(["tune", str(model), "-o", str(output)]) == 2
            assert str(output.parent if "none" in str(output) else output) in (
                capsys.readouterr().err
            )
