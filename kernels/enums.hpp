#pragma once

// The enumerations that host and device code share: no include, so that NVRTC compiles it too.

namespace convtune {

/// Element type of x, weight, bias and y. Products accumulate in float32 for all three.
enum class DType { float32, float16, bfloat16 };

/// How products may be computed; TF32 for float32 only.
enum class Math {
  ieee,    ///< float32 products
  tf32x3,  ///< three TF32 products: float32-like accuracy for finite values; infinity becomes NaN
  tf32,    ///< inputs rounded to TF32 (10 mantissa bits)
  /// products of sums of x by sums of weights where these are fewer (three taps, stride 1): an
  /// error is relative to neighbouring positions, too. An infinity or NaN in x reaches a few of
  /// them, in a weight all outputs of its channel, as may an |x| above 2^124 or a |w| above 2^125.
  winograd,
};

/// Order of dimensions, by the names of max.nn.Conv1D's `permute`.
enum class Layout {
  NLC,  ///< permute=false: x (N, L, Cin), weight (K, Cin/G, Cout), y (N, L', Cout)
  NCL,  ///< permute=true:  x (N, Cin, L), weight (Cout, Cin/G, K), y (N, Cout, L')
};

/// Applied after the bias, in float32.
enum class Activation { none, relu, gelu, gelu_tanh, silu, tanh };

}  // namespace convtune
