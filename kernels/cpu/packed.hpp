#pragma once

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cstdint>
#include <new>

#include "kernels/cpu/thread_pool.hpp"
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
