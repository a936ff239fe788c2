#include <array>

#include "kernels/cpu/families.hpp"
#include "kernels/cuda/depthwise.hpp"
#include "kernels/cuda/direct.hpp"
#include "kernels/cuda/halo.hpp"
#include "kernels/cuda/implicit_gemm.hpp"
#include "kernels/cuda/toeplitz.hpp"
#include "kernels/cuda/warpgroup_gemm.hpp"
#include "kernels/family.hpp"

namespace convtune {

std::span<const Family* const> generated_families() {
  static const std::array families = {
      &cpu_bf16(),           &cpu_depthwise(),  &cpu_length(),    &cpu_direct(),
      &cpu_winograd(),       &cuda_depthwise(), &cuda_toeplitz(), &cuda_warpgroup_gemm(),
      &cuda_implicit_gemm(), &cuda_halo(),      &cuda_direct(),
  };
  return families;
}

}  // namespace convtune
