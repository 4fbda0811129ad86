"""Finding and loading the delegate library."""

import ctypes
import subprocess
import sys

import pytest

import tf_pconv
from tf_pconv import runtime


def test_the_path_is_that_of_a_library():
    assert ctypes.CDLL(tf_pconv.delegate_path()).tflite_plugin_create_delegate


def test_a_missing_library_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "__file__", str(tmp_path / "runtime.py"))
    with pytest.raises(FileNotFoundError, match=r"libtf_pconv_delegate.so.*make delegate"):
        tf_pconv.delegate_path()
    with pytest.raises(FileNotFoundError, match="make delegate"):
        tf_pconv.load_delegate()


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_systems_without_a_library_are_told(monkeypatch, tmp_path, system):
    monkeypatch.setattr(runtime, "__file__", str(tmp_path / "runtime.py"))
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(FileNotFoundError, match="runs on 64-bit Linux"):
        tf_pconv.load_delegate()


@pytest.mark.parametrize("options", [None, {}, {"num_threads": 2}, {"require_delegation": True}])
def test_options_are_converted(options):
    assert tf_pconv.load_delegate(options) is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": "1"}, r"unknown option 'threads'; accepted are num_threads, kernel"),
        ({"num_threads": 0}, r"num_threads is '0'; accepted is a number from 1 to 256"),
        ({"num_threads": "two"}, r"num_threads is 'two'"),
        ({"min_speedup": -1}, r"min_speedup is '-1'; accepted is a decimal number"),
        ({"min_speedup": float("nan")}, r"min_speedup is 'nan'"),
        ({"require_delegation": "yes"}, r"require_delegation is 'yes'; accepted are true"),
        ({"kernel": "no-such-kernel"}, r"kernel is 'no-such-kernel', and this processor runs no"),
        ({"profile": "model.tflite"}, r"profile is 'model.tflite'; accepted is the path of a file"),
        ({"profile": "/no/such/folder/p.json"}, r"p.json' cannot be written: No such file"),
        ({"log_level": "debug"}, r"log_level is 'debug'; accepted are none, info and verbose"),
    ],
)
def test_bad_options_are_one_sentence(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        tf_pconv.load_delegate(options)
    assert "\n" not in str(caught.value)


def test_options_must_be_a_mapping():
    with pytest.raises(TypeError, match="mapping"):
        tf_pconv.load_delegate(["num_threads"])


def test_importing_the_package_does_not_import_an_interpreter():
    code = (
        "import sys, tf_pconv, tf_pconv.runtime; "
        "assert 'ai_edge_litert' not in sys.modules, 'LiteRT was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
