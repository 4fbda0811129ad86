"""Reading and writing `.tflite` files as objects of the TensorFlow Lite schema."""

from __future__ import annotations

import copy
import importlib
import itertools
import os
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
MAX_BYTES = 2**31 - 1

_SCHEMA_MODULES = (
    "ai_edge_litert.schema_py_generated",
    "tensorflow.lite.python.schema_py_generated",
)
_BUFFER_ALIGNMENT = 16  # What the schema asks for; Python's generated code leaves it out.


def schema() -> Any:
    """Returns the generated schema module of the installed LiteRT or TensorFlow.

    Raises:
        ImportError: Neither is installed.
    """
    for name in _SCHEMA_MODULES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError(
        "Reading .tflite files needs ai-edge-litert or tensorflow; install one of them, for "
        "example with `pip install ai-edge-litert`."
    )


def load(source: bytes | str | os.PathLike) -> bytes:
    """Returns the bytes of a model given as bytes or as a path."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            "A model is the bytes of a .tflite file or the path of one, not "
            f"{type(source).__name__}."
        )
    with open(source, "rb") as file:
        return file.read()


def parse(data: bytes) -> Any:
    """Parses a `.tflite` file.

    Args:
        data: The bytes of the file.

    Returns:
        A `ModelT` of the schema; buffers beyond the flatbuffer are taken into it.

    Raises:
        ValueError: Not a TFLite file, truncated, too large, or written with a newer schema than
            the installed one, so that fields would be lost.
    """
    if data[4:8] != FILE_IDENTIFIER:
        raise ValueError(
            f"This is not a TensorFlow Lite file: bytes 4 to 8 must be {FILE_IDENTIFIER!r}, but "
            f"are {data[4:8]!r}."
        )
    if len(data) > MAX_BYTES:
        raise ValueError(f"The file is {len(data):,} bytes long; accepted: below 2 GiB.")
    fb = schema()
    try:
        reader = fb.Model.GetRootAs(_BoundedBytes(data), 0)
        _refuse_unknown_fields(fb, reader)
        model = fb.ModelT.InitFromObj(reader)
        _take_outside_data(model, data)
        _check_references(model)
    except (struct.error, IndexError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, _NewerSchemaError):
            raise
        raise ValueError(
            f"The TensorFlow Lite file ({len(data):,} bytes) is truncated or damaged: {error}."
        ) from error
    if model.version != SCHEMA_VERSION:
        raise ValueError(
            f"The TensorFlow Lite file has schema version {model.version}; accepted: "
            f"{SCHEMA_VERSION}."
        )
    return model


def serialize(model: Any) -> bytes:
    """Writes a `ModelT` as a `.tflite` file.

    Raises:
        ValueError: The file would be larger than 2 GiB.
    """
    import flatbuffers

    fb = schema()
    model = copy.copy(model)
    model.buffers = [_AlignedBuffer(fb, buffer) for buffer in model.buffers]
    builder = flatbuffers.Builder(1024)
    try:
        builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    except flatbuffers.builder.BuilderSizeError as error:
        raise ValueError("The file would be larger than 2 GiB; that is not supported.") from error
    return bytes(builder.Output())


def text(name: bytes | str | None) -> str:
    """Returns a string of the file as text."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name or ""


def items(vector: Any) -> Any:
    """Returns a vector of the file, empty where the file leaves it out."""
    return () if vector is None else vector


def enum_name(enumeration: type, value: int) -> str:
    """Returns the name of a value of one of the schema's enumerations."""
    names = {number: name for name, number in vars(enumeration).items() if name[0] != "_"}
    return names.get(value, str(value))


def shape_signature(tensor: Any) -> tuple[int, ...]:
    """Returns a tensor's shape; -1 stands for a side that only an input decides."""
    shape, signature = items(tensor.shape), items(tensor.shapeSignature)
    return tuple(int(side) for side in (signature if len(signature) == len(shape) else shape))


def builtin_code(operator_code: Any) -> int:
    """Returns the builtin operator of an operator code; old files use the deprecated field."""
    return max(operator_code.builtinCode, operator_code.deprecatedBuiltinCode)


class _NewerSchemaError(ValueError):
    """The file has fields that the installed schema does not know."""


class _BoundedBytes(bytes):
    """Bytes that refuse a slice beyond their end, where Python would return less."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice) and (key.stop or 0) > len(self):
            raise ValueError(f"a string ends at byte {key.stop:,}")
        return super().__getitem__(key)


class _AlignedBuffer:
    """Packs a buffer as `BufferT` does, but with the alignment that the schema asks for."""

    def __init__(self, fb: Any, buffer: Any):
        self._fb = fb
        self._data = None if buffer.data is None else np.asarray(buffer.data, np.uint8)

    def Pack(self, builder: Any) -> int:  # noqa: N802, the schema's name
        if self._data is not None:
            builder.Prep(_BUFFER_ALIGNMENT, len(self._data))
            data = builder.CreateNumpyVector(self._data)
        self._fb.BufferStart(builder)
        if self._data is not None:
            self._fb.BufferAddData(builder, data)
        return self._fb.BufferEnd(builder)


def _take_outside_data(model: Any, data: bytes) -> None:
    """Moves what large files keep behind the flatbuffer into it."""

    def outside(offset: int, size: int) -> np.ndarray:
        if offset + size > len(data):
            raise ValueError(f"a buffer ends at byte {offset + size:,}")
        return np.frombuffer(data, np.uint8, size, offset)

    for buffer in model.buffers:
        if buffer.offset > 1:  # 1 marks an empty buffer.
            buffer.data = outside(buffer.offset, buffer.size)
    for subgraph in model.subgraphs:
        for operator in items(subgraph.operators):
            if operator.largeCustomOptionsOffset:
                operator.customOptions = outside(
                    operator.largeCustomOptionsOffset, operator.largeCustomOptionsSize
                )
                operator.largeCustomOptionsOffset = operator.largeCustomOptionsSize = 0


def _check_references(model: Any) -> None:
    """Checks that operators name tensors, codes and buffers that exist."""
    for subgraph in model.subgraphs:
        tensors = items(subgraph.tensors)
        if any(tensor.buffer >= len(model.buffers) for tensor in tensors):
            raise ValueError("a tensor names a buffer that does not exist")
        named = [subgraph.inputs, subgraph.outputs]
        for operator in items(subgraph.operators):
            if operator.opcodeIndex >= len(items(model.operatorCodes)):
                raise ValueError("an operator has no operator code")
            named += [operator.inputs, operator.outputs]
        for place in itertools.chain.from_iterable(map(items, named)):
            if not -1 <= place < len(tensors):
                raise ValueError("an operator names a tensor that does not exist")


def _refuse_unknown_fields(fb: Any, model: Any) -> None:
    """Refuses a file from which rewriting would drop fields that the schema does not know."""
    for name, table in _tables(fb, model):
        if table is None or _field_slots(table) > _known_slots(fb, name):
            raise _NewerSchemaError(
                f"The TensorFlow Lite file uses fields of {name} that the installed schema "
                f"({fb.__name__}) does not know: install a newer ai-edge-litert, or make the file "
                "anew if it is damaged."
            )


def _tables(fb: Any, model: Any) -> Iterator[tuple[str, Any]]:
    """Yields the schema names and raw tables of a model."""

    def entries(parent: Any, field: str) -> Iterator[Any]:
        for place in range(getattr(parent, field + "Length")()):
            yield getattr(parent, field)(place)

    yield "Model", model._tab
    for field, name in (
        ("OperatorCodes", "OperatorCode"),
        ("Buffers", "Buffer"),
        ("Metadata", "Metadata"),
        ("SignatureDefs", "SignatureDef"),
    ):
        for item in entries(model, field):
            yield name, item._tab
    for subgraph in entries(model, "Subgraphs"):
        yield "SubGraph", subgraph._tab
        for tensor in entries(subgraph, "Tensors"):
            yield "Tensor", tensor._tab
            if tensor.Quantization() is not None:
                yield "QuantizationParameters", tensor.Quantization()._tab
        for operator in entries(subgraph, "Operators"):
            yield "Operator", operator._tab
            if operator.BuiltinOptionsType():
                name = enum_name(fb.BuiltinOptions, operator.BuiltinOptionsType())
                yield name, operator.BuiltinOptions()
            if operator.BuiltinOptions2Type():
                name = enum_name(fb.BuiltinOptions2, operator.BuiltinOptions2Type())
                yield name, operator.BuiltinOptions2()


def _field_slots(table: Any) -> int:
    """Number of fields that a table of the file has room for."""
    (back,) = struct.unpack_from("<i", table.Bytes, table.Pos)
    (size,) = struct.unpack_from("<H", table.Bytes, table.Pos - back)
    return size // 2 - 2


def _known_slots(fb: Any, name: str) -> int:
    """Number of fields that the schema gives a table; none where it lacks the table."""
    start = getattr(fb, name + "Start", None)
    counter = _SlotCounter()
    if start is not None:
        start(counter)
    return counter.slots


class _SlotCounter:
    """Stands in for a flatbuffer builder to learn the number of fields of a table."""

    slots = -1

    def StartObject(self, slots: int) -> None:  # noqa: N802, the builder's name
        self.slots = slots
