#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace convtune {

/// A fixed set of threads that sleep between jobs, unless the next one comes within 50 µs, and that
/// wake on other CPUs than their caller's. The child of a fork() has none of them: there the caller
/// does all by itself.
class ThreadPool {
 public:
  /// `threads` ≥ 1, the caller counted in; fewer if the system gives no more.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  /// Calls task(i) once for every i in [0, count), on any thread, and returns when all are done.
  /// `operations` is how many multiply-adds or the like the tasks take together: about
  /// one thread is woken for each work_of_a_thread of them. Tasks must not throw. Calls from
  /// several threads take turns.
  void parallel_for(std::int64_t count, std::int64_t operations,
                    const std::function<void(std::int64_t)>& task);

  /// Takes a core about as long as it takes to wake another.
  static constexpr std::int64_t work_of_a_thread = 250'000;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// CONVTUNE_NUM_THREADS, else the number of CPUs this process may run on.
int default_threads();

}  // namespace convtune
