#include "runtime/shared_values.hpp"

#include <gmock/gmock.h>

#include <barrier>
#include <stdexcept>
#include <thread>
#include <vector>

namespace convtune {
namespace {

TEST(SharedValues, MakesOneForAKeyAsLongAsItLives) {
  SharedValues<int> values;
  int made = 0;
  const auto make = [&] { return ++made; };
  auto first = values.get("a", make);
  EXPECT_EQ(values.get("a", make), first);
  EXPECT_NE(values.get("b", make), first);
  EXPECT_EQ(made, 2);
  first.reset();
  EXPECT_EQ(*values.get("a", make), 3);
}

TEST(SharedValues, KeepNothingOfAFailure) {
  SharedValues<int> values;
  const auto fail = []() -> int { throw std::runtime_error("no"); };
  EXPECT_THROW(values.get("a", fail), std::runtime_error);
  EXPECT_EQ(*values.get("a", [] { return 1; }), 1);
}

TEST(SharedValues, GiveThreadsThatMakeOneAtOnceTheSame) {
  SharedValues<int> values;
  std::barrier together(4);
  std::vector<std::shared_ptr<int>> got(4);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      got[static_cast<std::size_t>(i)] = values.get("a", [&] {
        together.arrive_and_wait();
        return i;
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(got, testing::Each(got.front()));
}

}  // namespace
}  // namespace convtune
