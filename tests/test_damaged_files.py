"""Files with a few wrong bytes end in one sentence or in a valid result, never in a crash."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from tflite_models import Conv, chain, pattern_weights, quantize

from tf_pconv.lite import VerificationError, flatbuffer, inspect, pack, unpack

DAMAGED_FILES = 100
DAMAGED_RUNS = 150

_WORDS = np.array([0, 1, -1, 65536, 2**31 - 1, -(2**31)], np.int32)


def build(rng, int8):
    """Two small convolutions."""
    convs = []
    for filters, channels in ((8, 6), (8, 8)):
        weights = pattern_weights(rng, filters, channels, group_size=2)
        convs.append(Conv(*quantize(weights)) if int8 else Conv(weights))
    return chain(*convs, side=6)


def damaged(rng, content):
    """The content with up to four wrong bits, bytes or words."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(len(data) - 4))
        match rng.integers(3):
            case 0:
                data[place] ^= 1 << int(rng.integers(8))
            case 1:
                data[place] = int(rng.integers(256))
            case 2:
                data[place & ~3 : (place & ~3) + 4] = rng.choice(_WORDS).tobytes()
    return bytes(data)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("function", [inspect, pack, unpack])
def test_python_ends_in_one_sentence(rng, delegate, function, int8):
    content = build(rng, int8).serialize()
    if function is unpack:
        content = pack(content, min_speedup=0).model
    for _ in range(DAMAGED_FILES):
        error = error_of(function, damaged(rng, content))
        assert not isinstance(error, UnicodeError)
        assert "\n" not in str(error)


def error_of(function, content):
    """What the function raises, if that is one of the errors of its documentation."""
    try:
        function(content)
    except (ValueError, VerificationError) as error:
        return error
    return None


RUN = """
import sys, pathlib
import numpy as np
from ai_edge_litert.interpreter import Interpreter
import tf_pconv

runs = 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        delegate = tf_pconv.load_delegate({"log_level": "none"})
        interpreter = Interpreter(str(path), experimental_delegates=[delegate])
        details = interpreter.get_input_details()
        if any(np.prod(each["shape"], dtype=float) > 1e6 for each in details):
            continue
        interpreter.allocate_tensors()
        interpreter.invoke()
        runs += 1
    except (RuntimeError, ValueError):
        pass
print("runs:", runs)
"""


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_the_delegate_survives(rng, delegate, int8, tmp_path):
    content = pack(build(rng, int8).serialize(), min_speedup=0).model
    fkw = [place for place in range(len(content)) if content.startswith(b"FKW1", place)]
    assert len(fkw) == 2
    for number in range(DAMAGED_RUNS):
        broken = content
        if number % 2:  # Half of the files are damaged in nothing but their packed weights.
            begin = fkw[number % 4 // 2]
            broken = content[:begin] + damaged(rng, content[begin : begin + 120])
            broken += content[begin + 120 :]
        else:
            broken = damaged(rng, content)
        (tmp_path / f"{number:03}.tflite").write_bytes(broken)
    process = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[1])},
    )
    assert process.returncode == 0, process.stderr[-2000:]
    assert int(process.stdout.rpartition("runs:")[2]) > 0


def test_names_that_are_not_utf8(rng, delegate):
    builder = build(rng, int8=False)
    for tensor in builder.graph.tensors:
        tensor.name = b"\xff" + tensor.name
    result = pack(builder.serialize(), min_speedup=0)
    assert len(result.report.packed) == 2
    assert flatbuffer.parse(result.model).subgraphs[0].tensors[0].name == b"\xffinput"


def test_an_original_that_does_not_run(rng, delegate):
    builder = build(rng, int8=True)
    builder.model.operatorCodes[0].version = 4711
    with pytest.raises(
        ValueError, match=r"^TensorFlow Lite does not run .* 'conv0'.*'4711'"
    ) as error:
        pack(builder.serialize(), min_speedup=0)
    assert "\n" not in str(error.value)
