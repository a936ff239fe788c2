"""Conv1D, the equal of max.nn.Conv1D."""

from dataclasses import dataclass

from convtune import _arrays, _library
from convtune._library import Error

_PREPARED_ALIGNMENT = 16  # of every allocator's memory, in bytes


@dataclass(frozen=True)
class Weight:
    """What a parameter of the module must be."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def dtype_name(dtype):
    """"float32" from itself, numpy.float32, torch.float32 or max.dtype.DType.float32."""
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    return name.rpartition(".")[2]


def _sides(padding):
    if not isinstance(padding, (tuple, list)):
        padding = (padding, padding)
    if len(padding) != 2:
        raise Error(f"padding is {padding!r}; it must be an integer or a pair (left, right)")
    return tuple(_library.integer("padding", side) for side in padding)


def _call_text(function, positional, named):
    """"f(3, stride=2)"; `named` has (value, default), and a default is left out."""
    given = [f"{name}={value!r}" for name, (value, default) in named.items() if value != default]
    return f"{function}({', '.join([*map(repr, positional), *given])})"


def _listed(names):
    """"a, b, c, d, e and 3 more"."""
    names = [str(name) for name in names]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more or "none"


class Conv1D:
    """y = activation(conv(x, filter) + bias), by the fastest kernel known for each shape.

      permute=False: x (N, L, Cin), filter (K, Cin/G, Cout), y (N, L', Cout)
      permute=True:  x (N, Cin, L), filter (Cout, Cin/G, K), y (N, Cout, L')

    where L' = (L + left + right - dilation * (kernel_size - 1) - 1) // stride + 1. `padding` is an
    integer or (left, right). `dtype` is float32, float16 or bfloat16, by name or as NumPy, PyTorch
    or MAX have it. `device` is "cpu" (None means it too), "cuda", "cuda:1" or "auto"; a GPU that
    cannot be used is replaced by the CPU, and `fallback_reason` says why.

    Beyond max.nn.Conv1D: `activation` (none, relu, gelu, gelu_tanh, silu, tanh), `math` (ieee,
    winograd for three taps on the CPU, tf32x3 and tf32 for float32 on a GPU) and `policy` for
    shapes that were not tuned, as in convtune.h.

    Every refusal is a convtune.Error. All methods may be called from several threads at once."""

    def __init__(self, kernel_size, in_channels, out_channels, dtype, stride=1, padding=0,
                 dilation=1, num_groups=1, device=None, has_bias=False, permute=False, name=None, *,
                 activation="none", math="ieee", policy="nearest_or_heuristic"):
        self.stride, self.dilation, self.num_groups = stride, dilation, num_groups
        self.padding, self.permute = padding, bool(permute)
        left, right = _sides(padding)
        self._dtype = dtype_name(dtype)
        self._in_channels, self._out_channels = in_channels, out_channels
        self._options = _library.options(
            kernel_size=kernel_size, in_channels=in_channels, out_channels=out_channels,
            dtype=self._dtype, stride=stride, padding_left=left, padding_right=right,
            dilation=dilation, num_groups=num_groups, has_bias=bool(has_bias),
            permute=self.permute, activation=activation, math=math, policy=policy,
            device="cpu" if device is None else str(device), name=name or "")
        self._handle = _library.Handle(self._options)
        self._text = _call_text(
            "Conv1D", (kernel_size, in_channels, out_channels, self._dtype),
            {"stride": (stride, 1), "padding": (padding, 0), "dilation": (dilation, 1),
             "num_groups": (num_groups, 1), "device": (device and str(device), None),
             "has_bias": (bool(has_bias), False), "permute": (self.permute, False),
             "name": (name, None), "activation": (activation, "none"), "math": (math, "ieee"),
             "policy": (policy, "nearest_or_heuristic")})
        prefix = f"{name}." if name else ""
        inner = (in_channels // num_groups,)
        shape = ((out_channels, *inner, kernel_size) if self.permute
                 else (kernel_size, *inner, out_channels))
        self.filter = Weight(f"{prefix}weight", self._dtype, shape)
        self.bias = Weight(f"{prefix}bias", self._dtype, (out_channels,)) if has_bias else None

    def __repr__(self):
        return self._text

    @property
    def device(self):
        """"cpu" or "cuda:0": where x and y must lie."""
        return self._handle.device

    @property
    def fallback_reason(self):
        """Why `device` is not what was asked for, or ""."""
        return self._handle.fallback_reason

    def load_state_dict(self, state):
        """Copies the weights by their names out of a mapping to arrays on the CPU, shaped like
        `filter` and `bias`; others are ignored. Shapes that were prepared must be so again."""
        filter_, bias = (self._found(state, weight) for weight in (self.filter, self.bias))
        handle = _library.Handle(self._options)
        bias_part = (bias.data, bias.bytes) if bias else (None, 0)
        handle.load_weights(filter_.data, filter_.bytes, *bias_part)
        self._handle = handle

    def load_safetensors(self, path):
        """The same out of a safetensors file."""
        handle = _library.Handle(self._options)
        handle.load_safetensors(path)
        self._handle = handle

    def prepare(self, batch, length):
        """Does all that is slow for a shape, ahead of its first run."""
        self._handle.prepare(batch, length, _PREPARED_ALIGNMENT)

    def plan(self, batch, length):
        """What serves a shape, and why: "cpu_direct{...} (heuristic): The cost model's ..."."""
        return self._handle.plan(batch, length)

    def __call__(self, x, out=None, stream=None):
        """y in `out`, which is returned, or in a new array of x's kind. Arrays are packed, of this
        module's dtype and on its device; none is copied. On a GPU the work goes to `stream`, a CUDA
        stream's handle; None means PyTorch's current one for its tensors, else the default one."""
        handle = self._handle
        if stream is None:
            stream = _arrays.current_stream(x)
        source = self._checked(_arrays.borrow(x, "x", stream), "x", handle.device)
        if len(source.shape) != 3 or source.shape[1 if self.permute else 2] != self._in_channels:
            dimensions = "(N, Cin, L)" if self.permute else "(N, L, Cin)"
            raise Error(f"x has the shape {source.shape}; it must be {dimensions} with Cin = "
                        f"{self._in_channels}")
        batch, length = source.shape[0], source.shape[2 if self.permute else 1]
        inner = handle.output_length(length)
        shape = ((batch, self._out_channels, inner) if self.permute
                 else (batch, inner, self._out_channels))
        y = _arrays.new_like(x, shape) if out is None else out
        target = self._checked(_arrays.borrow(y, "out", stream), "out", handle.device)
        if target.shape != shape:
            raise Error(f"out has the shape {target.shape}; it must be {shape}")
        if not target.writable:
            raise Error("out may not be written to; give an array that may")
        handle.run(batch, length, source.data, target.data, stream)
        return y

    def _found(self, state, weight):
        if weight is None:
            return None
        if weight.name not in state:
            raise Error(f"there is no array named {weight.name} among the weights, which are: "
                        f"{_listed(state)}")
        found = self._checked(_arrays.borrow(state[weight.name], weight.name), weight.name, "cpu")
        if found.shape != weight.shape:
            raise Error(f"{weight.name} has the shape {found.shape}; it must be {weight.shape}")
        return found

    def _checked(self, array, what, device):
        if array.dtype != self._dtype:
            raise Error(f"{what} is {array.dtype}; this module computes in {self._dtype}: convert "
                        "it first")
        if array.device != device:
            raise Error(f"{what} lies on {array.device}; it must lie on {device}: copy it there "
                        "first")
        if not array.packed:
            raise Error(f"{what} is not packed; make a packed copy first, by "
                        "numpy.ascontiguousarray(...) or tensor.contiguous()")
        return array
