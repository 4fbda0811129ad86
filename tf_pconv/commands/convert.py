"""`tf-pconv convert`."""

from __future__ import annotations

import pathlib
import zipfile
from typing import Any

import numpy as np
from absl import flags

from tf_pconv import lite
from tf_pconv.commands.command import Command, UsageError, uses_keras
from tf_pconv.commands.files import (
    define_output,
    existing,
    load_keras_model,
    required_output,
    written_whole,
)
from tf_pconv.lite.full_integer import request_int8
from tf_pconv.progress import step


def _define_convert(values: flags.FlagValues) -> None:
    define_output(values, "The .tflite file")
    flags.DEFINE_enum(
        "quantize", "none", ["none", "int8"], "Numbers of the .tflite.", flag_values=values
    )
    flags.DEFINE_string(
        "calibration",
        None,
        "For int8: an .npz with typical inputs, samples first: one array, or one for each input, "
        "by its name.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "calibration_samples", 200, "Samples to read at most.", 1, flag_values=values
    )
    flags.DEFINE_enum(
        "pattern_format",
        "fkw",
        ["fkw", "sparse", "dense"],
        "fkw: packed, needs the delegate; sparse: TensorFlow Lite's own; dense: as they are.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "min_speedup",
        1.0,
        "Predicted gain below which fkw leaves a convolution as it is; 0 packs all.",
        0.0,
        flag_values=values,
    )
    flags.DEFINE_bool(
        "verify", True, "Compare every packed convolution with the dense one.", flag_values=values
    )


def _run_convert(values: flags.FlagValues, argument: str) -> None:
    path = existing(argument, ".keras", ".tflite")
    output = required_output(values, ".tflite")
    if (values.quantize == "int8") != (values.calibration is not None):
        raise UsageError(
            "--quantize int8 and --calibration FILE.npz go together: full-integer quantisation "
            "needs typical inputs, and nothing else does."
        )
    content = _repack(path, values) if path.suffix == ".tflite" else _convert_keras(path, values)
    with written_whole(output) as temporary:
        temporary.write_bytes(content)
    print(f"Wrote {output}, {len(content):,} bytes.")


def _repack(path: pathlib.Path, values: flags.FlagValues) -> bytes:
    """Packs or unpacks a `.tflite`."""
    if values.quantize != "none":
        raise UsageError(f"{path} is quantized already or not at all; --quantize needs a .keras.")
    if values.pattern_format == "sparse":
        raise UsageError("a .tflite can be packed (fkw) or unpacked (dense), but not made sparse.")
    if values.pattern_format == "dense":
        return lite.unpack(path)
    with step("Packing"):
        result = lite.pack(path, verify=values.verify, min_speedup=values.min_speedup)
    print(result.report)
    return result.model


@uses_keras
def _convert_keras(path: pathlib.Path, values: flags.FlagValues) -> bytes:
    calibration = existing(values.calibration, ".npz") if values.calibration else None
    model = load_keras_model(path)
    converter = lite.TFLiteConverter.from_keras_model(model)
    converter.pattern_format = values.pattern_format
    converter.verify = values.verify
    converter.min_speedup = values.min_speedup
    if calibration is not None:
        _quantize(converter, model, calibration, values.calibration_samples)
    try:
        content = converter.convert()
    except Exception as error:  # Of whatever class TensorFlow raises.
        reason = str(error).partition("\n")[0]
        raise RuntimeError(f"{path} cannot be converted: {reason}") from error
    print(converter.report)
    return content


def _quantize(converter: Any, model: Any, calibration: pathlib.Path, samples: int) -> None:
    inputs = _calibration_inputs(model, calibration, samples)
    request_int8(
        converter,
        lambda: ([values[i : i + 1] for values in inputs] for i in range(len(inputs[0]))),
    )


def _calibration_inputs(model: Any, path: pathlib.Path, samples: int) -> list[Any]:
    """Returns one float32 array for each input of the model, checked against its shape."""
    arrays = _load_arrays(path)
    if len(model.inputs) == 1 and len(arrays) == 1:
        named = [(model.inputs[0], *arrays.values())]
    else:
        missing = [tensor.name for tensor in model.inputs if tensor.name not in arrays]
        if missing:
            raise ValueError(
                f"{path} has no array for the input {missing[0]!r}; it has "
                f"{', '.join(arrays) or 'none'}. Name each array after its input."
            )
        named = [(tensor, arrays[tensor.name]) for tensor in model.inputs]
    for tensor, values in named:
        shape = tuple(tensor.shape[1:])
        fits = values.ndim == len(shape) + 1 and all(
            wanted in (None, found) for wanted, found in zip(shape, values.shape[1:], strict=True)
        )
        if not fits or len(values) == 0:
            raise ValueError(
                f"{path}: the input {tensor.name!r} takes samples of shape {shape}, but the array "
                f"has the shape {values.shape} (samples first)."
            )
        if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
            raise ValueError(f"{path}: the samples of {tensor.name!r} are not all finite numbers.")
    counts = {len(values) for _, values in named}
    if len(counts) > 1:
        raise ValueError(
            f"{path}: the inputs have different numbers of samples: "
            f"{', '.join(f'{len(values)} of {tensor.name!r}' for tensor, values in named)}."
        )
    return [values[:samples].astype(np.float32) for _, values in named]


def _load_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as arrays of numbers; write it with numpy.savez."
        ) from error


COMMAND = Command(
    name="convert",
    argument="MODEL",
    summary="Convert a pruned model to a .tflite with packed patterns",
    description=(
        "Converts a .keras model to a .tflite in which convolutions that follow patterns\n"
        "are packed for the delegate, and reports what was packed. A .tflite is packed\n"
        "as it is, or unpacked with --pattern_format dense."
    ),
    examples=(
        "pruned.keras -o model.tflite",
        "pruned.keras -o model.tflite --quantize int8 --calibration inputs.npz",
        "exported.tflite -o packed.tflite",
    ),
    define=_define_convert,
    run=_run_convert,
)
