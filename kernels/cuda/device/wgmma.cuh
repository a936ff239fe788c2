#pragma once

#include "kernels/cuda/device/matrix.cuh"
#include "kernels/cuda/matrix_descriptor.hpp"

// Matrix products of a warpgroup, four warps in a row (sm_90a). They run on their own:
//
//   wgmma_fence(sums);                        // what the threads did to the sums is done
//   wgmma<dtype, n>(sums, a, b); ...          // sums += a * b, 64 x n
//   wgmma_commit();
//   wgmma_wait<0>(sums);                      // only now may anyone touch the sums
//
// B, depth x n, comes from shared memory, A, 64 x depth, from there or from registers, in mma's
// fragments (matrix.cuh), warp w holding rows 16w to 16w + 15. sums[i] of lane 4g + t of warp w is
// row 16w + g + i/2%2*8, column 2t + i%2 + i/4*8. The depth is mma_depth(dtype).

namespace convtune::cuda {

#if !defined(__CUDACC_RTC__)

template <int... counts>
void wgmma_fence([[maybe_unused]] float (&... sums)[counts]) {
  emulator::fence_warpgroup(Location::current());
}
inline void wgmma_commit(Location at = Location::current()) { emulator::commit_products(at); }
template <int pending, int... counts>
void wgmma_wait([[maybe_unused]] float (&... sums)[counts]) {
  emulator::wait_for_products(pending, Location::current());
}
template <DType dtype, int n, Major b_major = Major::k, Major a_major = Major::k>
void wgmma(float (&sums)[n / 2], unsigned long long a, unsigned long long b,
           Location at = Location::current()) {
  emulator::multiply_warpgroup({.dtype = dtype,
                                .n = n,
                                .a = a,
                                .b = b,
                                .a_mn_major = a_major == Major::mn,
                                .b_mn_major = b_major == Major::mn},
                               sums, nullptr, at);
}
template <DType dtype, int n, Major b_major = Major::k>
void wgmma(float (&sums)[n / 2], const unsigned (&a)[4], unsigned long long b,
           Location at = Location::current()) {
  emulator::multiply_warpgroup({.dtype = dtype, .n = n, .b = b, .b_mn_major = b_major == Major::mn},
                               sums, a, at);
}

#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// Keeps the compiler from moving what it does with the sums across this point.
template <int count>
void keep_in_place(float (&sums)[count]) {
  CONVTUNE_UNROLL
  for (int i = 0; i < count; ++i) asm volatile("" : "+f"(sums[i])::"memory");
}

template <int... counts>
void wgmma_fence(float (&... sums)[counts]) {
  (keep_in_place(sums), ...);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/// Makes a group of the products since the last.
inline void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/// Waits until at most the `pending` youngest groups run; the sums of all others are then done.
template <int pending, int... counts>
void wgmma_wait(float (&... sums)[counts]) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
  (keep_in_place(sums), ...);
}

/// The instruction for n columns: one specialisation for each n.
template <int n>
struct WgmmaInstruction;

// Operands 0 and 1 are A's descriptor, or the first half of its registers, and B's descriptor;
// 2 is the other half of A's registers; the sums follow. Numbers in the text must be literals, so
// the lists of sums grow by pieces.
#define CONVTUNE_SUMS_4 "%3,%4,%5,%6"
#define CONVTUNE_SUMS_8 CONVTUNE_SUMS_4 ",%7,%8,%9,%10"
#define CONVTUNE_SUMS_16 CONVTUNE_SUMS_8 ",%11,%12,%13,%14,%15,%16,%17,%18"
#define CONVTUNE_SUMS_32 \
  CONVTUNE_SUMS_16 ",%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34"
#define CONVTUNE_SUMS_48 \
  CONVTUNE_SUMS_32 ",%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50"
#define CONVTUNE_SUMS_64 \
  CONVTUNE_SUMS_48 ",%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66"
#define CONVTUNE_SUMS_96                                              \
  CONVTUNE_SUMS_64                                                    \
  ",%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82," \
  "%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98"
#define CONVTUNE_SUMS_128                                                       \
  CONVTUNE_SUMS_96                                                              \
  ",%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,"      \
  "%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127," \
  "%128,%129,%130"

#define CONVTUNE_D4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define CONVTUNE_OPERANDS_4 CONVTUNE_D4(0)
#define CONVTUNE_OPERANDS_8 CONVTUNE_D4(0), CONVTUNE_D4(4)
#define CONVTUNE_D16(i) CONVTUNE_D4(i), CONVTUNE_D4(i + 4), CONVTUNE_D4(i + 8), CONVTUNE_D4(i + 12)
#define CONVTUNE_OPERANDS_16 CONVTUNE_D16(0)
#define CONVTUNE_OPERANDS_32 CONVTUNE_OPERANDS_16, CONVTUNE_D16(16)
#define CONVTUNE_OPERANDS_48 CONVTUNE_OPERANDS_32, CONVTUNE_D16(32)
#define CONVTUNE_OPERANDS_64 CONVTUNE_OPERANDS_48, CONVTUNE_D16(48)
#define CONVTUNE_OPERANDS_96 CONVTUNE_OPERANDS_64, CONVTUNE_D16(64), CONVTUNE_D16(80)
#define CONVTUNE_OPERANDS_128 CONVTUNE_OPERANDS_96, CONVTUNE_D16(96), CONVTUNE_D16(112)

#define CONVTUNE_WGMMA(n, count, prepare, types, a_operand, majors)                    \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, 1, 0;\n" prepare                  \
               "wgmma.mma_async.sync.aligned.m64n" #n types " {" CONVTUNE_SUMS_##count \
               "}, " a_operand ", %1, add, 1, 1" majors ";\n}"                         \
               : "+l"(a), "+l"(b), "+l"(a_high), CONVTUNE_OPERANDS_##count)
#define CONVTUNE_SHARED_A(n, count, types, majors) CONVTUNE_WGMMA(n, count, "", types, "%0", majors)
#define CONVTUNE_REGISTER_A(n, count, types, majors)                                          \
  CONVTUNE_WGMMA(n, count, ".reg .b32 a<4>;\nmov.b64 {a0, a1}, %0;\nmov.b64 {a2, a3}, %2;\n", \
                 types, "{a0, a1, a2, a3}", majors)
#define CONVTUNE_16_BITS(n, count, types)         \
  if constexpr (from_registers && b_mn)           \
    CONVTUNE_REGISTER_A(n, count, types, ", 1");  \
  else if constexpr (from_registers)              \
    CONVTUNE_REGISTER_A(n, count, types, ", 0");  \
  else if constexpr (a_mn && b_mn)                \
    CONVTUNE_SHARED_A(n, count, types, ", 1, 1"); \
  else if constexpr (a_mn)                        \
    CONVTUNE_SHARED_A(n, count, types, ", 1, 0"); \
  else if constexpr (b_mn)                        \
    CONVTUNE_SHARED_A(n, count, types, ", 0, 1"); \
  else                                            \
    CONVTUNE_SHARED_A(n, count, types, ", 0, 0")
#define CONVTUNE_TF32(n, count, types)                        \
  static_assert(!a_mn && !b_mn, "TF32 operands are k-major"); \
  if constexpr (from_registers)                               \
    CONVTUNE_REGISTER_A(n, count, types, "");                 \
  else                                                        \
    CONVTUNE_SHARED_A(n, count, types, "")

#define CONVTUNE_WGMMA_OF(n, count)                                                  \
  template <>                                                                        \
  struct WgmmaInstruction<n> {                                                       \
    template <DType dtype, bool from_registers, bool a_mn, bool b_mn>                \
    static void issue(float (&d)[count], unsigned long long a, unsigned long long b, \
                      unsigned long long a_high) {                                   \
      if constexpr (dtype == DType::bfloat16) {                                      \
        CONVTUNE_16_BITS(n, count, "k16.f32.bf16.bf16");                             \
      } else if constexpr (dtype == DType::float16) {                                \
        CONVTUNE_16_BITS(n, count, "k16.f32.f16.f16");                               \
      } else {                                                                       \
        CONVTUNE_TF32(n, count, "k8.f32.tf32.tf32");                                 \
      }                                                                              \
    }                                                                                \
  };
CONVTUNE_WGMMA_OF(8, 4)
CONVTUNE_WGMMA_OF(16, 8)
CONVTUNE_WGMMA_OF(32, 16)
CONVTUNE_WGMMA_OF(64, 32)
CONVTUNE_WGMMA_OF(96, 48)
CONVTUNE_WGMMA_OF(128, 64)
CONVTUNE_WGMMA_OF(192, 96)
CONVTUNE_WGMMA_OF(256, 128)

#undef CONVTUNE_WGMMA_OF
#undef CONVTUNE_TF32
#undef CONVTUNE_16_BITS
#undef CONVTUNE_REGISTER_A
#undef CONVTUNE_SHARED_A
#undef CONVTUNE_WGMMA

/// sums += a * b, both described by matrix_descriptor.
template <DType dtype, int n, Major b_major = Major::k, Major a_major = Major::k>
void wgmma(float (&sums)[n / 2], unsigned long long a, unsigned long long b) {
  constexpr bool a_mn = a_major == Major::mn, b_mn = b_major == Major::mn;
  WgmmaInstruction<n>::template issue<dtype, false, a_mn, b_mn>(sums, a, b, 0);
}

/// Likewise with A in registers.
template <DType dtype, int n, Major b_major = Major::k>
void wgmma(float (&sums)[n / 2], const unsigned (&a)[4], unsigned long long b) {
  const auto pair = [](unsigned low, unsigned high) {
    return low | static_cast<unsigned long long>(high) << 32;
  };
  WgmmaInstruction<n>::template issue<dtype, true, false, b_major == Major::mn>(
      sums, pair(a[0], a[1]), b, pair(a[2], a[3]));
}

#endif

}  // namespace convtune::cuda
