#include "tuner/timer.hpp"

#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>

namespace convtune {
namespace {

/// Writes down what is asked of it: "run" or "rest".
class Noted final : public Executable {
 public:
  explicit Noted(std::chrono::milliseconds run) : run_(run) {}
  void run(const void* /*x*/, void* /*y*/, Stream /*stream*/) const override {
    asked += "run ";
    std::this_thread::sleep_for(run_);
  }
  void rest() const override { asked += "rest "; }
  std::size_t alignment() const override { return 4; }

  mutable std::string asked;

 private:
  std::chrono::milliseconds run_;
};

std::unique_ptr<Timer> loaded_timer() {
  std::unique_ptr<Timer> timer = make_timer(*open_device("cpu"));
  timer->load(std::array<std::byte, 16>{}, 16);
  return timer;
}

TEST(ClockTimer, RunsOnceBeforeTheStretchAndRestsAfterIt) {
  const Noted noted(std::chrono::milliseconds(0));
  EXPECT_GT(loaded_timer()->seconds(noted, 3, Cache::warm), 0);
  EXPECT_EQ(noted.asked, "run run run run rest ");
}

TEST(ClockTimer, TakesALongRunAsItIs) {
  const Noted noted(std::chrono::milliseconds(6));
  EXPECT_GE(loaded_timer()->seconds(noted, 1, Cache::warm), 6e-3);
  EXPECT_EQ(noted.asked, "run rest ");
}

}  // namespace
}  // namespace convtune
