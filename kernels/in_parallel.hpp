#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/thread_pool.hpp"
#include "kernels/cpu/window.hpp"

namespace convtune {

/// f(i) for each i below `count`, in tasks of 64: by default_threads() threads that are started for
/// it, or by the caller where so few operations do not pay for that.
template <class F>
void in_parallel(std::int64_t count, std::int64_t operations, const F& f) {
  constexpr std::int64_t of_a_task = 64;
  const bool is_short = operations < 100 * ThreadPool::work_of_a_thread;
  ThreadPool threads(is_short ? 1 : default_threads());
  threads.parallel_for(ceil_div(count, of_a_task), operations, [&](std::int64_t task) {
    const std::int64_t last = std::min(count, (task + 1) * of_a_task);
    for (std::int64_t i = task * of_a_task; i < last; ++i) f(i);
  });
}

}  // namespace convtune
