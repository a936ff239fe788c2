"""The C interface (convtune.h) by ctypes: its functions, and a handle with its weights."""

import ctypes
import operator
import os
from pathlib import Path

INVALID, UNAVAILABLE, STORAGE = 2, 3, 4
_STATUS_NAMES = {INVALID: "invalid", UNAVAILABLE: "unavailable", STORAGE: "storage"}


class Error(Exception):
    """One sentence: what was asked, what was found, what to do. `status` is "invalid",
    "unavailable", "storage" or "failed", as in convtune.h."""

    def __init__(self, message, status="invalid"):
        super().__init__(message)
        self.status = status


# Numbers of convtune.h by their place.
DTYPES = ("float32", "float16", "bfloat16")
ACTIVATIONS = ("none", "relu", "gelu", "gelu_tanh", "silu", "tanh")
MATHS = ("ieee", "tf32x3", "tf32", "winograd")
POLICIES = ("nearest_or_heuristic", "cpu", "compile_and_wait", "compile_in_background", "error")

_INTEGERS = ("kernel_size", "in_channels", "out_channels", "stride", "padding_left",
             "padding_right", "dilation", "num_groups")
_CHOICES = {"dtype": DTYPES, "has_bias": (False, True), "permute": (False, True),
            "activation": ACTIVATIONS, "math": MATHS, "policy": POLICIES}


class Options(ctypes.Structure):
    """convtune_conv1d_options, field by field."""

    _fields_ = [("size", ctypes.c_size_t), *((name, ctypes.c_int64) for name in _INTEGERS),
                *((name, ctypes.c_int32) for name in _CHOICES),
                ("device", ctypes.c_char_p), ("name", ctypes.c_char_p)]


def _loaded():
    beside = Path(__file__).with_name("libconvtune.so")
    file = os.environ.get("CONVTUNE_LIBRARY") or beside
    try:
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise ImportError(f"convtune's library cannot be loaded ({error}); install the package "
                          "again, or name libconvtune.so in CONVTUNE_LIBRARY") from None


_library = _loaded()
_POINTER, _SIZE, _INTEGER = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64


def _function(name, *argument_types, result=ctypes.c_int):
    function = getattr(_library, f"convtune_{name}")
    function.argtypes = argument_types
    function.restype = result
    return function


_version = _function("version", result=ctypes.c_char_p)
_last_error = _function("last_error", result=ctypes.c_char_p)
_options_init = _function("conv1d_options_init", ctypes.POINTER(Options), _SIZE)
_create = _function("conv1d_create", ctypes.POINTER(Options), ctypes.POINTER(_POINTER))
_destroy = _function("conv1d_destroy", _POINTER, result=None)
_load_weights = _function("conv1d_load_weights", _POINTER, _POINTER, _SIZE, _POINTER, _SIZE)
_load_safetensors = _function("conv1d_load_safetensors", _POINTER, ctypes.c_char_p)
_prepare = _function("conv1d_prepare", _POINTER, _INTEGER, _INTEGER, _SIZE)
_output_length = _function("conv1d_output_length", _POINTER, _INTEGER, ctypes.POINTER(_INTEGER))
_run = _function("conv1d_run", _POINTER, _INTEGER, _INTEGER, _POINTER, _POINTER, _POINTER)
_plan = _function("conv1d_plan", _POINTER, _INTEGER, _INTEGER, ctypes.c_char_p, _SIZE,
                  ctypes.POINTER(_SIZE))
_device = _function("conv1d_device", _POINTER, result=ctypes.c_char_p)
_fallback_reason = _function("conv1d_fallback_reason", _POINTER, result=ctypes.c_char_p)


def version():
    return _version().decode()


def _check(status):
    if status:
        raise Error(_last_error().decode(), _STATUS_NAMES.get(status, "failed"))


def integer(name, value):
    """`value` as an integer that C can take: ctypes itself would cut off what is too much."""
    try:
        number = operator.index(value)
    except TypeError:
        raise Error(f"{name} is {value!r}; it must be an integer") from None
    if not -(2**63) <= number < 2**63:
        raise Error(f"{name} is {number}; it must fit 64 bits")
    return number


def _choice(name, value):
    choices = _CHOICES[name]
    if value not in choices:
        words = [str(each) for each in choices]
        raise Error(f"{name} is {value}; it must be {', '.join(words[:-1])} or {words[-1]}")
    return choices.index(value)


def options(*, device, name, **values):
    """Options from Python's values: `dtype`, `activation`, `math` and `policy` by name."""
    result = Options()
    _check(_options_init(result, ctypes.sizeof(result)))
    for field, value in values.items():
        convert = _choice if field in _CHOICES else integer
        setattr(result, field, convert(field, value))
    result.device = device.encode()
    result.name = name.encode()
    return result


class Handle:
    """A convtune_conv1d whose weights are loaded once, before others see it, so that any number of
    threads may run it. Whoever wants other weights makes another handle."""

    def __init__(self, wanted):
        self._pointer = _POINTER()
        _check(_create(wanted, self._pointer))
        self.device = _device(self._pointer).decode()
        self.fallback_reason = _fallback_reason(self._pointer).decode()

    def __del__(self, destroy=_destroy):
        destroy(self._pointer)

    def load_weights(self, weight, weight_bytes, bias, bias_bytes):
        """From addresses of packed memory on the CPU; `bias` is None without one."""
        _check(_load_weights(self._pointer, weight, weight_bytes, bias, bias_bytes))

    def load_safetensors(self, path):
        _check(_load_safetensors(self._pointer, os.fsencode(path)))

    def prepare(self, batch, length, alignment):
        _check(_prepare(self._pointer, integer("batch", batch), integer("length", length),
                        integer("alignment", alignment)))

    def output_length(self, length):
        result = _INTEGER()
        _check(_output_length(self._pointer, integer("length", length), result))
        return result.value

    def run(self, batch, length, x, y, stream):
        """`x` and `y` are addresses, `stream` a CUDA stream's handle or None."""
        _check(_run(self._pointer, batch, length, x, y, stream))

    def plan(self, batch, length):
        batch, length = integer("batch", batch), integer("length", length)
        needed = _SIZE()
        _check(_plan(self._pointer, batch, length, None, 0, needed))
        text = ctypes.create_string_buffer(needed.value)
        _check(_plan(self._pointer, batch, length, text, needed, None))
        return text.value.decode()
