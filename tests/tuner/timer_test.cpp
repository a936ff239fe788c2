#include "tuner/timer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <thread>

namespace convtune {
namespace {

constexpr std::chrono::milliseconds long_time(50);

/// Sleeps in its first runs and counts all.
class Sleeper final : public Executable {
 public:
  explicit Sleeper(int slow_runs) : slow_runs_(slow_runs) {}
  void run(const void*, void*, Stream) const override {
    if (runs_++ < slow_runs_) std::this_thread::sleep_for(long_time);
  }
  std::size_t alignment() const override { return 1; }
  int runs() const { return runs_; }

 private:
  int slow_runs_;
  mutable int runs_ = 0;
};

/// Says how far behind x its y lay last.
class Surveyor final : public Executable {
 public:
  void run(const void* x, void* y, Stream) const override {
    distance_ = reinterpret_cast<std::intptr_t>(y) - reinterpret_cast<std::intptr_t>(x);
  }
  std::size_t alignment() const override { return 1; }
  std::intptr_t distance() const { return distance_; }

 private:
  mutable std::intptr_t distance_ = 0;
};

double seconds_of(const Sleeper& sleeper, int runs) {
  const std::shared_ptr<Device> cpu = open_device("cpu");
  const std::unique_ptr<Timer> timer = make_timer(*cpu);
  timer->load(std::array<std::byte, 64>{}, 64);
  return timer->seconds(sleeper, runs, Cache::cold);
}

TEST(Timer, TheRunAfterAnotherCandidateDoesNotCount) {
  const Sleeper sleeper(1);
  EXPECT_LT(seconds_of(sleeper, 3), std::chrono::duration<double>(long_time).count() / 3);
  EXPECT_EQ(sleeper.runs(), 4);
}

TEST(Timer, ALongRunIsNotRepeated) {
  const Sleeper sleeper(1);
  EXPECT_GE(seconds_of(sleeper, 1), std::chrono::duration<double>(long_time).count());
  EXPECT_EQ(sleeper.runs(), 1);
}

TEST(Timer, XAndYLieOnOtherPagesEachTimeAndHalfAPageApart) {
  const std::shared_ptr<Device> cpu = open_device("cpu");
  const Surveyor surveyor;
  std::set<std::intptr_t> distances;
  for (int i = 0; i < 20; ++i) {
    const std::unique_ptr<Timer> timer = make_timer(*cpu);
    timer->load(std::array<std::byte, 64>{}, 64);
    timer->seconds(surveyor, 1, Cache::cold);
    EXPECT_EQ(std::abs(surveyor.distance()) % 4096, 2048);
    distances.insert(surveyor.distance());
  }
  EXPECT_GT(distances.size(), 10U);
}

}  // namespace
}  // namespace convtune
