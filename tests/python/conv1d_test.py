"""convtune.Conv1D on NumPy's arrays, and on others over DLPack, against the definition."""

import ctypes
import gc
import inspect
import json
import struct
import tempfile
import threading
import types
import unittest
import weakref
from pathlib import Path
from unittest import mock

import numpy

import convtune
from convtune import _arrays

try:
    import torch
except ImportError:
    torch = None


def definition(x, filter_, bias, stride, padding, dilation, num_groups):
    """y (N, L', Cout) of x (N, L, Cin) and filter (K, Cin/G, Cout), in float64."""
    x = numpy.pad(x.astype(numpy.float64), ((0, 0), padding, (0, 0)))
    taps, inner, outputs = filter_.shape
    length = (x.shape[1] - dilation * (taps - 1) - 1) // stride + 1
    y = numpy.zeros((x.shape[0], length, outputs)) + bias
    for output in range(outputs):
        first = output // (outputs // num_groups) * inner
        for tap in range(taps):
            at = x[:, tap * dilation:tap * dilation + (length - 1) * stride + 1:stride]
            y[:, :, output] += at[:, :, first:first + inner] @ filter_[tap, :, output]
    return y


def integers(*shape, seed=0):
    """Small ones: exact in every dtype, and so are their sums."""
    return numpy.random.default_rng(seed).integers(-2, 3, shape)


# kernel_size, in_channels, out_channels, stride, padding, dilation, num_groups
GEOMETRIES = [(3, 2, 4, 1, 1, 1, 1), (1, 5, 3, 1, 0, 1, 1), (4, 6, 4, 2, (3, 0), 2, 2),
              (7, 8, 8, 1, (6, 0), 1, 8), (5, 4, 8, 3, (1, 2), 3, 4)]


def case(geometry, dtype, permute):
    """A module with weights, x, and y as the definition has it."""
    taps, inputs, outputs, stride, padding, dilation, groups = geometry
    conv = convtune.Conv1D(taps, inputs, outputs, dtype, stride, padding, dilation, groups,
                           has_bias=True, permute=permute)
    x, bias = integers(2, 33, inputs), integers(outputs)
    filter_ = integers(taps, inputs // groups, outputs)
    sides = (padding, padding) if isinstance(padding, int) else padding
    y = definition(x, filter_, bias, stride, sides, dilation, groups)
    if permute:
        x, filter_, y = x.transpose(0, 2, 1), filter_.transpose(2, 1, 0), y.transpose(0, 2, 1)
    return conv, {"weight": filter_, "bias": bias}, x, y


def stored(values, dtype):
    return numpy.ascontiguousarray(values, dtype)


def tensor(values, dtype):
    return torch.tensor(values.copy()).to(dtype)


class OnlyDLPack:
    """An array of a library that nobody knows, on a device of its choice."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device, self.stream = array, device, "never asked"

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, stream=None):
        self.stream = stream
        return self.array.__dlpack__()


class Bfloat16:
    """NumPy's array of bfloat16, as ml_dtypes makes one: to NumPy it is a type without a name."""

    def __init__(self, values):
        self.bits = (stored(values, "float32").view("uint32") >> 16).astype("uint16")
        self.__array_interface__ = self.bits.__array_interface__ | {"typestr": "<V2"}
        self.dtype = types.SimpleNamespace(name="bfloat16")


class WithOffset:
    """One that begins some elements after its memory, as DLPack allows."""

    def __init__(self, array, skipped):
        count = array.size - skipped
        self.shape = (ctypes.c_int64 * 3)(1, count, 1)
        self.tensor = _arrays._DLTensor(
            data=array.ctypes.data, device_type=1, ndim=3, code=2, bits=32, lanes=1,
            shape=self.shape, byte_offset=skipped * array.itemsize)

    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, stream=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.argtypes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
        new.restype = ctypes.py_object
        return new(ctypes.addressof(self.tensor), b"dltensor", None)


def loaded(**options):
    """y[t] = x[t] + 10·x[t + 1], two numbers to one."""
    conv = convtune.Conv1D(2, 1, 1, "float32", **options)
    conv.load_state_dict({conv.filter.name: stored([[[1]], [[10]]], "float32")})
    return conv


class Conv1DTest(unittest.TestCase):
    def test_takes_what_max_takes(self):
        parameters = inspect.signature(convtune.Conv1D).parameters.values()
        found = [(p.name, p.default) for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
        self.assertEqual(found, [
            ("kernel_size", inspect.Parameter.empty), ("in_channels", inspect.Parameter.empty),
            ("out_channels", inspect.Parameter.empty), ("dtype", inspect.Parameter.empty),
            ("stride", 1), ("padding", 0), ("dilation", 1), ("num_groups", 1), ("device", None),
            ("has_bias", False), ("permute", False), ("name", None)])

    def test_computes_the_definition_on_numpy_arrays(self):
        for geometry in GEOMETRIES:
            for dtype in ("float32", "float16"):
                for permute in (False, True):
                    with self.subTest(geometry=geometry, dtype=dtype, permute=permute):
                        conv, state, x, y = case(geometry, dtype, permute)
                        conv.load_state_dict({k: stored(v, dtype) for k, v in state.items()})
                        found = conv(stored(x, dtype))
                        self.assertEqual(found.dtype, dtype)
                        numpy.testing.assert_array_equal(found, y)

    @unittest.skipUnless(torch, "no PyTorch here")
    def test_computes_the_definition_on_tensors_in_every_dtype(self):
        for geometry in GEOMETRIES:
            for dtype in (torch.float32, torch.float16, torch.bfloat16):
                with self.subTest(geometry=geometry, dtype=dtype):
                    conv, state, x, y = case(geometry, dtype, True)
                    conv.load_state_dict({k: tensor(v, dtype) for k, v in state.items()})
                    found = conv(tensor(x, dtype))
                    self.assertEqual(found.dtype, dtype)
                    numpy.testing.assert_array_equal(found.double().numpy(), y)

    def test_writes_into_out_of_any_library(self):
        conv = loaded()
        x, y = stored([[[1], [2], [3]]], "float32"), numpy.zeros((1, 2, 1), "float32")
        out = OnlyDLPack(y)
        self.assertIs(conv(OnlyDLPack(x), out=out), out)
        self.assertEqual(y.tolist(), [[[21], [32]]])
        self.assertIs(conv(x, out=y), y)

    def test_reads_arrays_where_they_lie(self):
        conv = loaded()
        memory = numpy.arange(12, dtype="float32").reshape(3, 4, 1)
        memory.flags.writeable = False
        self.assertEqual(conv(memory[1:2])[0, :, 0].tolist(), [54, 65, 76])
        y = numpy.empty((1, 3, 1), "float32")
        conv(WithOffset(memory, 8), out=y)
        self.assertEqual(y[0, :, 0].tolist(), [98, 109, 120])

    def test_takes_numpys_bfloat16(self):
        conv = convtune.Conv1D(2, 1, 1, "bfloat16")
        conv.load_state_dict({"weight": Bfloat16([[[1]], [[10]]])})
        y = Bfloat16([[[0], [0]]])
        conv(Bfloat16([[[1], [2], [3]]]), out=y)
        self.assertEqual((y.bits.astype("uint32") << 16).view("float32").tolist(), [[[21], [32]]])

    def test_leaves_no_reference_behind(self):
        conv, array = loaded(), OnlyDLPack(numpy.ones((1, 3, 1), "float32"))
        memory = weakref.ref(array.array)
        conv(array, out=numpy.empty((1, 2, 1), "float32"))
        del array
        gc.collect()
        self.assertIsNone(memory())

    def test_has_the_attributes_of_max(self):
        conv = convtune.Conv1D(3, 4, 8, numpy.float16, 2, (1, 0), 3, 2, has_bias=True, permute=True,
                               name="encoder")
        self.assertEqual((conv.stride, conv.padding, conv.dilation, conv.num_groups, conv.permute,
                          conv.device), (2, (1, 0), 3, 2, True, "cpu"))
        self.assertEqual(conv.filter, convtune.Weight("encoder.weight", "float16", (8, 2, 3)))
        self.assertEqual(conv.bias, convtune.Weight("encoder.bias", "float16", (8,)))
        self.assertIsNone(loaded().bias)

    def test_prints_the_call_that_makes_its_like(self):
        for text in ("Conv1D(3, 2, 4, 'float32')",
                     "Conv1D(3, 8, 4, 'float16', stride=2, padding=(2, 0), num_groups=4, has_bias=True, "
                     "permute=True, name='up', activation='relu')"):
            made = eval(text, {"Conv1D": convtune.Conv1D})
            self.assertEqual(repr(made), text)

    def test_applies_the_activation(self):
        conv = loaded(activation="relu")
        self.assertEqual(conv(stored([[[-5], [0], [1]]], "float32"))[0, :, 0].tolist(), [0, 10])

    def test_reads_safetensors_files(self):
        header = json.dumps(
            {"up.weight": {"dtype": "F32", "shape": [2, 1, 1], "data_offsets": [0, 8]}}).encode()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"
            path.write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<2f", 3, 4))
            conv = loaded(name="up")
            conv.load_safetensors(path)
        self.assertEqual(conv(stored([[[1], [10]]], "float32")).tolist(), [[[43]]])

    def test_says_what_serves_a_shape(self):
        conv = loaded()
        conv.prepare(1, 100)
        self.assertRegex(conv.plan(1, 100), r"^\w+\{.*\} \(\w+\): .+\.$")

    def test_asks_gpu_arrays_for_the_stream_of_the_work(self):
        conv = loaded()
        for stream, asked in ((None, 1), (0, 1), (77, 77)):
            x = OnlyDLPack(numpy.ones((1, 3, 1), "float32"), device=(2, 3))
            with self.assertRaisesRegex(convtune.Error, "x lies on cuda:3; it must lie on cpu"):
                conv(x, stream=stream)
            self.assertEqual(x.stream, asked)

    def test_works_on_the_stream_of_the_caller(self):
        conv = loaded()
        handle = conv._handle = mock.Mock(device="cuda:3")
        handle.output_length.return_value = 2
        memory, y = numpy.ones((1, 3, 1), "float32"), numpy.zeros((1, 2, 1), "float32")
        x, out = OnlyDLPack(memory, device=(2, 3)), OnlyDLPack(y, device=(2, 3))
        conv(x, out=out, stream=77)
        handle.run.assert_called_once_with(1, 3, memory.ctypes.data, y.ctypes.data, 77)
        self.assertEqual((x.stream, out.stream), (77, 77))

    def test_may_be_loaded_while_others_run_it(self):
        conv = loaded()
        right = {scale: [21 * scale, 32 * scale] for scale in (1, 3)}
        weights = {scale: {"weight": stored([[[scale]], [[10 * scale]]], "float32")}
                   for scale in right}
        wrong, stop = [], threading.Event()

        def run():
            while not stop.is_set():
                y = conv(stored([[[1], [2], [3]]], "float32"))[0, :, 0].tolist()
                if y not in right.values():
                    wrong.append(y)

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(100):
            for state in weights.values():
                conv.load_state_dict(state)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class RefusalsTest(unittest.TestCase):
    """Each in one sentence, with what was found."""

    def refused(self, reason, action):
        with self.assertRaises(convtune.Error) as caught:
            action()
        message = str(caught.exception)
        self.assertIn(reason, message)
        self.assertNotIn("\n", message)
        self.assertEqual(caught.exception.status, "invalid")

    def test_of_options(self):
        def make(dtype="float32", **options):
            return lambda: convtune.Conv1D(3, 4, 4, dtype, **options)

        for reason, action in (
                ("dtype is float64; it must be float32, float16 or bfloat16", make("float64")),
                ("dtype is int8", make(numpy.int8)),
                ("stride is 0", make(stride=0)),
                ("stride is 1.5; it must be an integer", make(stride=1.5)),
                ("dilation is 18446744073709551617; it must fit 64 bits", make(dilation=2**64 + 1)),
                ("padding is (1, 2, 3); it must be an integer or a pair", make(padding=(1, 2, 3))),
                ("num_groups, which is 3", make(num_groups=3)),
                ("activation is sigmoid; it must be none, relu,", make(activation="sigmoid")),
                ("math is fast", make(math="fast")),
                ("policy is hope", make(policy="hope")),
                ('device is "tpu"', make(device="tpu"))):
            with self.subTest(reason):
                self.refused(reason, action)

    def test_of_weights(self):
        conv = convtune.Conv1D(3, 4, 8, "float32", has_bias=True, name="up")
        good = {"up.weight": numpy.zeros((3, 4, 8), "float32"),
                "up.bias": numpy.zeros(8, "float32")}

        def load(**changed):
            return lambda: conv.load_state_dict(good | {f"up.{k}": v for k, v in changed.items()})

        self.refused("no array named up.weight among the weights, which are: none",
                     lambda: conv.load_state_dict({}))
        self.refused("which are: w0, w1, w2, w3, w4 and 2 more",
                     lambda: conv.load_state_dict({f"w{i}": None for i in range(7)}))
        self.refused("no array named up.bias",
                     lambda: conv.load_state_dict({"up.weight": good["up.weight"]}))
        self.refused("up.weight has the shape (8, 4, 3); it must be (3, 4, 8)",
                     load(weight=numpy.zeros((8, 4, 3), "float32")))
        self.refused("up.bias is float16; this module computes in float32",
                     load(bias=numpy.zeros(8, "float16")))
        self.refused("up.bias is a list", load(bias=[0] * 8))
        self.refused("have not been loaded", lambda: conv(numpy.zeros((1, 9, 4), "float32")))

    def test_of_arrays(self):
        conv = loaded()
        x = numpy.zeros((1, 9, 1), "float32")
        read_only = numpy.zeros((1, 8, 1), "float32")
        read_only.flags.writeable = False
        for reason, *arguments in (
                ("x is float64; it must be float32, float16 or bfloat16", x.astype("float64")),
                ("x is float16; this module computes in float32", x.astype("float16")),
                ("x has the shape (9, 1); it must be (N, L, Cin) with Cin = 1", x[0]),
                ("x has the shape (1, 9, 2); it must be (N, L, Cin) with Cin = 1", x.repeat(2, 2)),
                ("x is not packed; make a packed copy first", x[:, ::2]),
                ("x is a list; give an array", [1.0, 2.0]),
                ("length", x[:, :1]),
                ("no way to make a OnlyDLPack for y; give one as `out`", OnlyDLPack(x)),
                ("x lies on a device of DLPack's type 8", OnlyDLPack(x, device=(8, 0))),
                ("out has the shape (1, 9, 1); it must be (1, 8, 1)", x, x.copy()),
                ("out may not be written to", x, read_only),
                ("x and y overlap", x, x[:, :8])):
            with self.subTest(reason):
                self.refused(reason, lambda: conv(*arguments))

    @unittest.skipUnless(torch, "no PyTorch here")
    def test_of_tensors_that_need_gradients(self):
        conv = loaded()
        self.refused("x cannot be shared over DLPack: Can't export tensors that require gradient",
                     lambda: conv(torch.zeros(1, 9, 1, requires_grad=True)))


if __name__ == "__main__":
    unittest.main()
