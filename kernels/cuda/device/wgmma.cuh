#pragma once

#include "kernels/cuda/device/matrix.cuh"
#include "kernels/cuda/matrix_descriptor.hpp"

// Matrix products of a warpgroup, four warps in a row (sm_90a). They run on their own:
//
//   wgmma_fence(sums, a);                     // what the threads did to these registers is done
//   wgmma<dtype, n>(sums, a, b); ...          // sums += a * b, 64 x n
//   wgmma_commit();
//   wgmma_wait<0>(sums);                      // only now may anyone touch the registers
//
// B, depth x n, comes from shared memory, A, 64 x depth, from there or from registers, in mma's
// fragments (matrix.cuh), warp w holding rows 16w to 16w + 15. sums[i] of lane 4g + t of warp w is
// row 16w + g + i/2%2*8, column 2t + i%2 + i/4*8. The depth is mma_depth(dtype).

namespace convtune::cuda {

#if !defined(__CUDACC_RTC__)

template <class... Arrays>
void wgmma_fence(const Arrays&... registers) {
  emulator::fence_warpgroup({{&registers, sizeof(registers)}...}, Location::current());
}
inline void wgmma_commit(Location at = Location::current()) { emulator::commit_products(at); }
template <int pending, class... Arrays>
void wgmma_wait([[maybe_unused]] const Arrays&... sums) {
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

/// Keeps the compiler from moving what it does with registers across this point.
inline void keep_in_place(float& value) { asm volatile("" : "+f"(value)::"memory"); }
inline void keep_in_place(unsigned& value) { asm volatile("" : "+r"(value)::"memory"); }
template <class T, int count>
void keep_in_place(T (&values)[count]) {
  CONVTUNE_UNROLL
  for (int i = 0; i < count; ++i) keep_in_place(values[i]);
}

/// Precedes the first of a group of products, with arrays of all registers that these use: their
/// sums, and A where it is in registers. None may be written between this and the products.
template <class... Arrays>
void wgmma_fence(Arrays&... registers) {
  (keep_in_place(registers), ...);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/// Makes a group of the products since the last.
inline void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/// Waits until at most the `pending` youngest groups run; the sums of all others are then done.
template <int pending, class... Arrays>
void wgmma_wait(Arrays&... sums) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
  (keep_in_place(sums), ...);
}

/// The instruction for n columns: one specialisation for each n.
template <int n>
struct WgmmaInstruction;

// The sums are the first operands; B's descriptor follows, then A's, or A's registers, and whether
// operands are mn-major. A's registers are operands of the instruction itself, for a move to others
// would write registers behind the fence. Numbers in the text must be literals: the lists of sums
// grow by pieces, and those that follow B's are i to m.
#define CONVTUNE_SUMS_4 "%0,%1,%2,%3"
#define CONVTUNE_SUMS_8 CONVTUNE_SUMS_4 ",%4,%5,%6,%7"
#define CONVTUNE_SUMS_16 CONVTUNE_SUMS_8 ",%8,%9,%10,%11,%12,%13,%14,%15"
#define CONVTUNE_SUMS_32 \
  CONVTUNE_SUMS_16       \
  ",%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define CONVTUNE_SUMS_48 \
  CONVTUNE_SUMS_32       \
  ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47"
#define CONVTUNE_SUMS_64 \
  CONVTUNE_SUMS_48       \
  ",%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define CONVTUNE_SUMS_96                                             \
  CONVTUNE_SUMS_64                                                   \
  ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79" \
  ",%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
#define CONVTUNE_SUMS_128                                                        \
  CONVTUNE_SUMS_96                                                               \
  ",%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111" \
  ",%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"

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

#define CONVTUNE_WGMMA(n, count, types, a_text, majors, ...)                  \
  asm volatile(                                                               \
      "{\n.reg .pred add;\nsetp.ne.b32 add, 1, 0;\n"                          \
      "wgmma.mma_async.sync.aligned.m64n" #n types " {" CONVTUNE_SUMS_##count \
      "}, " a_text ", %" #count ", add, 1, 1" majors ";\n}"                   \
      : CONVTUNE_OPERANDS_##count                                             \
      : "l"(b), __VA_ARGS__)
#define CONVTUNE_A_TEXT(i, j, k, l) "{%" #i ",%" #j ",%" #k ",%" #l "}"
#define CONVTUNE_A_REGISTERS "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3])
#define CONVTUNE_WGMMA_OF(n, count, i, j, k, l, m)                                           \
  template <>                                                                                \
  struct WgmmaInstruction<n> {                                                               \
    template <DType dtype, bool b_mn, bool a_mn>                                             \
    static void issue(float (&d)[count], unsigned long long a, unsigned long long b) {       \
      if constexpr (dtype == DType::bfloat16)                                                \
        CONVTUNE_WGMMA(n, count, "k16.f32.bf16.bf16", "%" #i, ", %" #j ", %" #k, "l"(a),     \
                       "n"(int{a_mn}), "n"(int{b_mn}));                                      \
      else if constexpr (dtype == DType::float16)                                            \
        CONVTUNE_WGMMA(n, count, "k16.f32.f16.f16", "%" #i, ", %" #j ", %" #k, "l"(a),       \
                       "n"(int{a_mn}), "n"(int{b_mn}));                                      \
      else                                                                                   \
        CONVTUNE_WGMMA(n, count, "k8.f32.tf32.tf32", "%" #i, "", "l"(a));                    \
    }                                                                                        \
    template <DType dtype, bool b_mn>                                                        \
    static void issue(float (&d)[count], const unsigned (&a)[4], unsigned long long b) {     \
      if constexpr (dtype == DType::bfloat16)                                                \
        CONVTUNE_WGMMA(n, count, "k16.f32.bf16.bf16", CONVTUNE_A_TEXT(i, j, k, l), ", %" #m, \
                       CONVTUNE_A_REGISTERS, "n"(int{b_mn}));                                \
      else if constexpr (dtype == DType::float16)                                            \
        CONVTUNE_WGMMA(n, count, "k16.f32.f16.f16", CONVTUNE_A_TEXT(i, j, k, l), ", %" #m,   \
                       CONVTUNE_A_REGISTERS, "n"(int{b_mn}));                                \
      else                                                                                   \
        CONVTUNE_WGMMA(n, count, "k8.f32.tf32.tf32", CONVTUNE_A_TEXT(i, j, k, l), "",        \
                       CONVTUNE_A_REGISTERS);                                                \
    }                                                                                        \
  };
CONVTUNE_WGMMA_OF(8, 4, 5, 6, 7, 8, 9)
CONVTUNE_WGMMA_OF(16, 8, 9, 10, 11, 12, 13)
CONVTUNE_WGMMA_OF(32, 16, 17, 18, 19, 20, 21)
CONVTUNE_WGMMA_OF(64, 32, 33, 34, 35, 36, 37)
CONVTUNE_WGMMA_OF(96, 48, 49, 50, 51, 52, 53)
CONVTUNE_WGMMA_OF(128, 64, 65, 66, 67, 68, 69)
CONVTUNE_WGMMA_OF(192, 96, 97, 98, 99, 100, 101)
CONVTUNE_WGMMA_OF(256, 128, 129, 130, 131, 132, 133)

#undef CONVTUNE_WGMMA_OF
#undef CONVTUNE_A_REGISTERS
#undef CONVTUNE_A_TEXT
#undef CONVTUNE_WGMMA

/// sums += a * b, both described by matrix_descriptor.
template <DType dtype, int n, Major b_major = Major::k, Major a_major = Major::k>
void wgmma(float (&sums)[n / 2], unsigned long long a, unsigned long long b) {
  constexpr bool a_mn = a_major == Major::mn, b_mn = b_major == Major::mn;
  static_assert(dtype != DType::float32 || (!a_mn && !b_mn), "TF32 operands are k-major");
  WgmmaInstruction<n>::template issue<dtype, b_mn, a_mn>(sums, a, b);
}

/// Likewise with A in registers.
template <DType dtype, int n, Major b_major = Major::k>
void wgmma(float (&sums)[n / 2], const unsigned (&a)[4], unsigned long long b) {
  constexpr bool b_mn = b_major == Major::mn;
  static_assert(dtype != DType::float32 || !b_mn, "TF32 operands are k-major");
  WgmmaInstruction<n>::template issue<dtype, b_mn>(sums, a, b);
}

#endif

}  // namespace convtune::cuda
