#pragma once

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "kernels/cpu/thread_pool.hpp"
#include "kernels/dtype.hpp"
#include "kernels/problem.hpp"

namespace convtune {

using PackedFloats = hwy::AlignedFreeUniquePtr<float[]>;

/// `count` zeros, aligned to a vector of any target.
inline PackedFloats zeroed_floats(std::int64_t count) {
  PackedFloats floats = hwy::AllocateAligned<float>(static_cast<std::size_t>(count));
  if (floats == nullptr) throw std::bad_alloc();
  std::fill_n(floats.get(), count, 0.0F);
  return floats;
}

/// `count` elements of an array, `step` apart.
struct Elements {
  std::int64_t first;
  std::int64_t step;
  std::int64_t count;
};

/// to[i * to_step] = the i-th of the elements, widened.
inline void widen(const void* array, DType dtype, const Elements& elements, float* to,
                  std::int64_t to_step) {
  if (dtype != DType::float32) {
    for (std::int64_t i = 0; i < elements.count; ++i) {
      to[i * to_step] = load_element(array, dtype, elements.first + i * elements.step);
    }
    return;
  }
  // Weights are packed again for each new length: a call for each would take most of that time.
  const auto* from = static_cast<const std::byte*>(array) + elements.first * 4;
  for (std::int64_t i = 0; i < elements.count; ++i, from += elements.step * 4) {
    std::memcpy(to + i * to_step, from, 4);
  }
}

/// plan.task(plan, x, y, i) for every i below `count`, which multiply `speed` times as fast as
/// vectors of float32. The capture is one pointer, which a std::function holds without allocating.
template <class Plan>
void run_tasks(const Plan& plan, std::int64_t count, const void* x, void* y, ThreadPool& pool,
               std::int64_t speed = 1) {
  const struct {
    const Plan& plan;
    const void* x;
    void* y;
  } job = {plan, x, y};
  pool.parallel_for(count, multiply_adds(plan.problem) / speed,
                    [&job](std::int64_t i) { job.plan.task(job.plan, job.x, job.y, i); });
}

}  // namespace convtune
