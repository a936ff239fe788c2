#!/usr/bin/env python3
"""The C interface as other languages call it (ctypes): weights from safetensors files that Python
wrote, in all three dtypes, and files with random damage.

Usage: safetensors_test.py LIBRARY. The writer is struct and json; where the package safetensors is
installed, its writer too.
"""

import ctypes
import json
import random
import struct
import sys
import tempfile
import unittest
from pathlib import Path

import numpy

try:
    import safetensors.numpy
except ImportError:
    safetensors = None

OK, INVALID, STORAGE = 0, 2, 4
DTYPES = {"F32": 0, "F16": 1, "BF16": 2}


class Options(ctypes.Structure):
    """convtune_conv1d_options, field by field."""

    _fields_ = [("size", ctypes.c_size_t)] + [
        (name, ctypes.c_int64)
        for name in ("kernel_size", "in_channels", "out_channels", "stride", "padding_left",
                     "padding_right", "dilation", "num_groups")
    ] + [
        (name, ctypes.c_int32)
        for name in ("dtype", "has_bias", "permute", "activation", "math", "policy")
    ] + [("device", ctypes.c_char_p), ("name", ctypes.c_char_p)]


library = ctypes.CDLL(sys.argv.pop(1))
library.convtune_last_error.restype = ctypes.c_char_p


class Conv1d:
    """A handle, in PyTorch's order of dimensions."""

    def __init__(self, **values):
        options = Options()
        assert library.convtune_conv1d_options_init(
            ctypes.byref(options), ctypes.c_size_t(ctypes.sizeof(options))) == OK
        for name, value in (values | {"permute": 1}).items():
            setattr(options, name, value)
        self.handle = ctypes.c_void_p()
        if library.convtune_conv1d_create(ctypes.byref(options), ctypes.byref(self.handle)) != OK:
            raise ValueError(library.convtune_last_error().decode())

    def __del__(self):
        library.convtune_conv1d_destroy(self.handle)

    def load(self, path):
        return library.convtune_conv1d_load_safetensors(self.handle, str(path).encode())

    def run(self, x, y):
        batch, _, length = x.shape
        return library.convtune_conv1d_run(
            self.handle, ctypes.c_int64(batch), ctypes.c_int64(length),
            x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p), None)


def bfloat16_bits(values):
    """Of values that bfloat16 holds exactly."""
    return (values.astype(numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16)


def stored(values, dtype):
    if dtype == "BF16":
        return bfloat16_bits(values)
    return values.astype(numpy.float16 if dtype == "F16" else numpy.float32)


def read_back(values, dtype):
    if dtype == "BF16":
        return (values.astype(numpy.uint32) << 16).view(numpy.float32)
    return values.astype(numpy.float32)


def write(path, tensors, dtype):
    header, data = {"__metadata__": {"format": "np"}}, b""
    for name, values in tensors.items():
        raw = values.tobytes()
        header[name] = {"dtype": dtype, "shape": list(values.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def definition(x, weight, bias):
    positions = x.shape[2] - weight.shape[2] + 1
    windows = numpy.stack([x[:, :, t:t + weight.shape[2]] for t in range(positions)], axis=-1)
    return numpy.einsum("ncks,ock->nos", windows, weight) + bias[:, None]


class SafetensorsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "model.safetensors"
        numbers = numpy.random.default_rng(1)
        # Small integers are exact in every dtype, and so are their sums.
        self.weight = numbers.integers(-2, 3, (3, 4, 5))
        self.bias = numbers.integers(-2, 3, 3)
        self.x = numbers.integers(-2, 3, (2, 4, 20))

    def tensors(self, dtype):
        return {"up.weight": stored(self.weight, dtype), "up.bias": stored(self.bias, dtype),
                "other": stored(self.x, dtype)}

    def conv1d(self, dtype):
        return Conv1d(kernel_size=5, in_channels=4, out_channels=3, has_bias=1,
                      dtype=DTYPES[dtype], name=b"up")

    def expect_right(self, dtype):
        conv = self.conv1d(dtype)
        self.assertEqual(conv.load(self.path), OK, library.convtune_last_error())
        expected = definition(self.x, self.weight, self.bias)
        y = stored(numpy.zeros(expected.shape), dtype)
        self.assertEqual(conv.run(stored(self.x, dtype), y), OK, library.convtune_last_error())
        numpy.testing.assert_array_equal(read_back(y, dtype), expected)

    def test_files_of_struct_and_json(self):
        for dtype in DTYPES:
            with self.subTest(dtype):
                write(self.path, self.tensors(dtype), dtype)
                self.expect_right(dtype)

    @unittest.skipUnless(safetensors, "the package safetensors is not installed")
    def test_files_of_the_package(self):
        for dtype in ("F32", "F16"):
            with self.subTest(dtype):
                safetensors.numpy.save_file(self.tensors(dtype), self.path)
                self.expect_right(dtype)

    def test_another_dtype_is_refused(self):
        write(self.path, self.tensors("F16"), "F16")
        self.assertEqual(self.conv1d("F32").load(self.path), INVALID)
        self.assertIn(b"up.weight is float16", library.convtune_last_error())

    def test_a_missing_file_is_refused(self):
        self.assertEqual(self.conv1d("F32").load(self.path), STORAGE)
        self.assertIn(str(self.path).encode(), library.convtune_last_error())

    def test_random_damage_is_refused_or_harmless(self):
        write(self.path, self.tensors("F32"), "F32")
        sound = self.path.read_bytes()
        header_bytes = 8 + struct.unpack("<Q", sound[:8])[0]
        dice = random.Random(1)
        seen = set()
        conv = self.conv1d("F32")
        for _ in range(500):
            damaged = bytearray(sound)
            for _ in range(dice.choice((1, 2, 8))):
                damaged[dice.randrange(header_bytes)] = dice.choice(b"\0\xff\"{}[],:0123456789 ")
            if dice.random() < 0.2:
                del damaged[dice.randrange(len(damaged)):]
            self.path.write_bytes(damaged)
            status = conv.load(self.path)
            seen.add(status)
            self.assertIn(status, (OK, INVALID, STORAGE), library.convtune_last_error())
        self.assertEqual(seen, {OK, INVALID, STORAGE})


if __name__ == "__main__":
    unittest.main()
