"""Other libraries' arrays, borrowed without a copy: over __array_interface__ (NumPy) or DLPack."""

import ctypes
import sys
from dataclasses import dataclass

from convtune._library import Error

_TYPE_STRINGS = {"<f4": "float32", "<f2": "float16"}
_DLPACK_TYPES = {(2, 32, 1): "float32", (2, 16, 1): "float16", (4, 16, 1): "bfloat16"}
_DLPACK_CPU = (1, 3)  # the second is memory that a GPU can reach too
_DLPACK_CUDA = (2, 13)  # the second is managed by the driver
_DEFAULT_STREAM = 1  # in DLPack and in CUDA's driver
ITEM_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class _DLTensor(ctypes.Structure):
    """The beginning of DLPack's DLManagedTensor."""

    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32),
                ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8),
                ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
_capsule_pointer.restype = ctypes.POINTER(_DLTensor)


@dataclass(frozen=True)
class Array:
    """Valid as long as `owner` is."""

    data: int
    dtype: str
    shape: tuple[int, ...]
    packed: bool
    device: str  # "cpu", "cuda:0"
    writable: bool
    owner: object

    @property
    def bytes(self):
        count = ITEM_BYTES[self.dtype]
        for size in self.shape:
            count *= size
        return count


def _is_packed(shape, strides):
    """`strides` in elements; None means packed."""
    if strides is None:
        return True
    packed = 1
    for size, stride in zip(reversed(shape), reversed(strides)):
        if size != 1 and stride != packed:
            return False
        packed *= size
    return True


def _from_interface(array, what):
    interface = array.__array_interface__
    found = getattr(array, "dtype", interface["typestr"])
    is_bfloat16 = getattr(found, "name", None) == "bfloat16"  # of ml_dtypes
    dtype = "bfloat16" if is_bfloat16 else _TYPE_STRINGS.get(interface["typestr"])
    if dtype is None:
        raise Error(f"{what} is {found}; it must be float32, float16 or bfloat16")
    shape, strides = interface["shape"], interface.get("strides")
    if strides is not None:
        strides = [stride / ITEM_BYTES[dtype] for stride in strides]
    address, read_only = interface["data"]
    return Array(address, dtype, shape, _is_packed(shape, strides), "cpu", not read_only, array)


def _from_dlpack(array, what, stream):
    device_type, device_id = array.__dlpack_device__()
    on_cuda = device_type in _DLPACK_CUDA
    if not on_cuda and device_type not in _DLPACK_CPU:
        raise Error(f"{what} lies on a device of DLPack's type {int(device_type)}; it must lie on "
                    "the CPU or a CUDA GPU")
    try:
        owner = array.__dlpack__(stream=(stream or _DEFAULT_STREAM) if on_cuda else None)
    except (BufferError, RuntimeError, TypeError) as error:
        raise Error(f"{what} cannot be shared over DLPack: {error}") from None
    tensor = _capsule_pointer(owner, b"dltensor").contents
    dtype = _DLPACK_TYPES.get((tensor.code, tensor.bits, tensor.lanes))
    if dtype is None:
        found = getattr(array, "dtype", f"of DLPack's type {tensor.code} in {tensor.bits} bits")
        raise Error(f"{what} is {found}; it must be float32, float16 or bfloat16")
    shape = tuple(tensor.shape[:tensor.ndim])
    strides = tensor.strides[:tensor.ndim] if tensor.strides else None
    return Array((tensor.data or 0) + tensor.byte_offset, dtype, shape, _is_packed(shape, strides),
                 f"cuda:{device_id}" if on_cuda else "cpu", True, owner)


def borrow(array, what, stream=None):
    """`array` as an Array. One on a GPU is ready for work on `stream`, a CUDA stream's handle or
    None for the default one."""
    if hasattr(array, "__array_interface__"):
        return _from_interface(array, what)
    if hasattr(array, "__dlpack__"):
        return _from_dlpack(array, what, stream)
    raise Error(f"{what} is a {type(array).__name__}; give an array that knows DLPack or "
                "__array_interface__, of NumPy or PyTorch for example")


def new_like(array, shape):
    """An array of the same library, dtype and device, not initialised."""
    if hasattr(array, "new_empty"):  # PyTorch's
        return array.new_empty(shape)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(array, numpy.ndarray):
        return numpy.empty(shape, array.dtype)
    raise Error(f"there is no way to make a {type(array).__name__} for y; give one as `out`")


def current_stream(array):
    """The handle of the stream that PyTorch is working on, None for arrays of others and on the
    CPU."""
    if not getattr(array, "is_cuda", False):
        return None
    return sys.modules["torch"].cuda.current_stream(array.device).cuda_stream
