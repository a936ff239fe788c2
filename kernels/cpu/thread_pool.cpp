#include "kernels/cpu/thread_pool.hpp"

#include <fmt/format.h>
#include <hwy/cache_control.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "kernels/cpu/cache.hpp"
#include "kernels/cpu/thread_place.hpp"
#include "kernels/environment.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

// A task that calls parallel_for again would wait for itself: it runs its tasks alone instead.
thread_local bool inside_task = false;

// About what it takes to put a thread to sleep and wake it: convolutions often follow each other
// closely, and small ones take no longer themselves.
constexpr std::chrono::microseconds short_wait(50);

// Who gives up a CPU on which another program spins gets it back milliseconds later: nobody does so
// at first.
constexpr std::chrono::microseconds shortest_wait(5);

// Returns once `done`, or after a short wait.
template <typename F>
void wait_awake(F&& done) {
  const auto start = std::chrono::steady_clock::now();
  for (std::chrono::steady_clock::duration waited{}; !done() && waited < short_wait;
       waited = std::chrono::steady_clock::now() - start) {
    waited < shortest_wait ? hwy::Pause() : std::this_thread::yield();
  }
}

// Of a job's tasks those that one thread takes first: neighbours often share cache lines of y.
struct alignas(cache_line) Share {
  std::atomic<std::int64_t> next = 0;
  std::int64_t last = 0;
};

struct Worker {
  std::thread thread;
  std::condition_variable called;
  ThreadPlace place;
};

}  // namespace

struct ThreadPool::Impl {
  const pid_t process = getpid();  // that has the workers: the child of a fork() has none
  std::mutex turn;                 // held by the caller whose job runs
  std::mutex mutex;
  std::condition_variable job_finished;
  const std::function<void(std::int64_t)>* task = nullptr;
  std::vector<Share> shares;  // one for each thread, of which the first `parts` have tasks
  std::int64_t parts = 0;
  std::uint64_t job = 0;
  std::atomic<std::uint64_t> announced = 0;  // the job, for those who wait awake
  bool open = false;                         // the job may still be joined
  std::int64_t wanted = 0, joined = 0;       // workers for the job
  std::atomic<std::int64_t> inside = 0;      // of these, who are not done
  bool stopping = false;
  std::list<Worker> workers;
  std::vector<Worker*> woken;  // for the job, out of their sleep

  void share_out(std::int64_t count) {
    for (std::int64_t part = 0; part < parts; ++part) {
      Share& share = shares[static_cast<std::size_t>(part)];
      share.next = count * part / parts;
      share.last = count * (part + 1) / parts;
    }
  }

  // First the own share, then what is left of the others'.
  void work_off(std::int64_t own) {
    inside_task = true;
    for (std::int64_t part = own; part < own + parts; ++part) {
      Share& share = shares[static_cast<std::size_t>(part % parts)];
      for (std::int64_t i = share.next++; i < share.last; i = share.next++) (*task)(i);
    }
    inside_task = false;
  }

  // Of the sleepers as many as the job wants beside those awake, who come by themselves.
  void choose_woken(int caller) {
    std::int64_t missing = wanted;
    for (Worker& worker : workers) {
      if (worker.place.asleep()) continue;
      worker.place.keep_off(caller);
      --missing;
    }
    woken.clear();
    for (Worker& worker : workers) {
      if (static_cast<std::int64_t>(woken.size()) >= missing) return;
      if (!worker.place.asleep()) continue;
      worker.place.keep_off(caller);
      woken.push_back(&worker);
    }
  }

  void serve(Worker& self) {
    std::uint64_t served = 0;
    while (true) {
      std::int64_t own = 0;
      wait_awake([&] {
        self.place.wait_here();
        return announced != served;
      });
      {
        std::unique_lock lock(mutex);
        const auto called = [&] { return stopping || (open && job != served && joined < wanted); };
        while (!called()) {
          self.place.come_back();  // what it was moved for is over
          self.place.fall_asleep();
          self.called.wait(lock);
          self.place.wake();
        }
        if (stopping) return;
        served = job;
        own = ++joined;
        ++inside;
      }
      self.place.come_back();
      work_off(own);
      if (--inside > 0) continue;
      const std::lock_guard lock(mutex);  // the caller is about to wait, or does
      job_finished.notify_one();
    }
  }
};

// Where the system has no more threads to give, those that it gave have to do.
ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  impl_->shares = std::vector<Share>(static_cast<std::size_t>(threads));
  std::list<Worker>& workers = impl_->workers;
  workers.resize(static_cast<std::size_t>(threads - 1));
  impl_->woken.reserve(workers.size());
  auto worker = workers.begin();
  try {
    for (; worker != workers.end(); ++worker) {
      worker->thread = std::thread([impl = impl_.get(), &self = *worker] { impl->serve(self); });
    }
  } catch (const std::system_error&) {
  }
  workers.erase(worker, workers.end());
}

ThreadPool::~ThreadPool() {
  if (getpid() != impl_->process) {
    // Nobody is there to be joined, and the locks may be held for ever.
    static_cast<void>(impl_.release());
    return;
  }
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  for (Worker& worker : impl_->workers) worker.called.notify_one();
  for (Worker& worker : impl_->workers) worker.thread.join();
}

int ThreadPool::threads() const { return static_cast<int>(impl_->workers.size()) + 1; }

void ThreadPool::parallel_for(std::int64_t count, std::int64_t operations,
                              const std::function<void(std::int64_t)>& task) {
  const std::int64_t helpers = std::min({static_cast<std::int64_t>(impl_->workers.size()),
                                         count - 1, operations / work_of_a_thread - 1});
  if (inside_task || helpers <= 0 || getpid() != impl_->process) {
    for (std::int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  const std::lock_guard turn(impl_->turn);
  const int here = sched_getcpu();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->task = &task;
    impl_->parts = helpers + 1;
    impl_->share_out(count);
    impl_->open = true;
    impl_->wanted = helpers;
    impl_->joined = 0;
    ++impl_->job;
    impl_->choose_woken(here);
  }
  impl_->announced = impl_->job;
  for (Worker* worker : impl_->woken) worker->called.notify_one();
  impl_->work_off(0);
  {
    // Whoever has not woken by now is not waited for.
    const std::lock_guard lock(impl_->mutex);
    impl_->open = false;
  }
  const auto all_done = [&] { return impl_->inside == 0; };
  wait_awake(all_done);
  if (all_done()) return;
  std::unique_lock lock(impl_->mutex);
  impl_->job_finished.wait(lock, all_done);
}

int default_threads() {
  if (const auto text = environment("CONVTUNE_NUM_THREADS")) {
    const std::string_view digits = *text;
    int threads = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), threads);
    if (error != std::errc() || end != digits.end() || threads < 1 || threads > 1024) {
      throw Error(
          Status::invalid,
          fmt::format("CONVTUNE_NUM_THREADS is \"{}\": set it to a number of threads from 1 "
                      "to 1024, or unset it",
                      *text));
    }
    return threads;
  }
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) return std::max(1, CPU_COUNT(&cpus));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace convtune
