#include "runtime/shape_cache.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace convtune {
namespace {

/// Holds so many bytes.
class Holder final : public Executable {
 public:
  explicit Holder(std::size_t bytes) : bytes_(bytes) {}
  void run(const void*, void*, Stream) const override {}
  std::size_t alignment() const override { return 1; }
  std::size_t bytes() const override { return bytes_; }

 private:
  std::size_t bytes_;
};

std::shared_ptr<const Served> served_with(std::size_t bytes) {
  auto served = std::make_shared<Served>();
  served->executable = std::make_unique<Holder>(bytes);
  return served;
}
std::shared_ptr<const Served> served() { return served_with(0); }

ShapeCache::Limits at_most(std::size_t shapes) {
  return {.always = 0, .shapes = shapes, .bytes = 1000};
}

ShapeKey shape(std::int64_t length) { return {.batch = 1, .length = length, .alignment = 16}; }

TEST(ShapeCache, PreparesAShapeOnce) {
  ShapeCache cache(at_most(4));
  int prepares = 0;
  const auto prepare = [&] {
    ++prepares;
    return served();
  };
  EXPECT_EQ(cache.find(shape(1)), nullptr);
  const auto first = cache.find_or_prepare(shape(1), prepare);
  EXPECT_EQ(cache.find_or_prepare(shape(1), prepare), first);
  EXPECT_EQ(cache.find(shape(1)), first);
  EXPECT_EQ(prepares, 1);
  EXPECT_EQ(cache.find({.batch = 1, .length = 1, .alignment = 4}), nullptr);
}

TEST(ShapeCache, DropsWhatWasUsedLeastRecentlyButNothingPinned) {
  ShapeCache cache(at_most(2));
  const auto add = [&](std::int64_t length) { cache.find_or_prepare(shape(length), served); };
  add(1);
  cache.pin(shape(1), served);
  add(2);
  add(3);
  cache.find(shape(2));
  add(4);
  EXPECT_NE(cache.find(shape(1)), nullptr);
  EXPECT_NE(cache.find(shape(2)), nullptr);
  EXPECT_EQ(cache.find(shape(3)), nullptr);
  EXPECT_NE(cache.find(shape(4)), nullptr);
}

TEST(ShapeCache, KeepsMoreShapesThanAreCertainWhileTheyAreSmall) {
  ShapeCache cache({.always = 2, .shapes = 5, .bytes = 100});
  const auto add = [&](std::int64_t length, std::size_t bytes) {
    cache.find_or_prepare(shape(length), [&] { return served_with(bytes); });
  };
  const auto kept = [&] {
    std::vector<std::int64_t> lengths;
    for (std::int64_t length = 1; length <= 10; ++length) {
      if (cache.find(shape(length)) != nullptr) lengths.push_back(length);
    }
    return lengths;
  };
  cache.pin(shape(10), [] { return served_with(1'000'000); });
  for (const std::int64_t length : {1, 2, 3, 4}) add(length, 25);
  EXPECT_THAT(kept(), testing::ElementsAre(1, 2, 3, 4, 10));
  add(5, 1);
  EXPECT_THAT(kept(), testing::ElementsAre(2, 3, 4, 5, 10)) << "101 bytes are too many";
  add(6, 0);
  add(7, 0);
  EXPECT_THAT(kept(), testing::ElementsAre(3, 4, 5, 6, 7, 10)) << "6 shapes are too many";
  add(8, 1000);
  add(9, 1000);
  EXPECT_THAT(kept(), testing::ElementsAre(8, 9, 10)) << "two stay whatever they hold";
}

TEST(ShapeCache, StaysUnpreparedWhenPreparingThrows) {
  ShapeCache cache(at_most(4));
  const auto fail = []() -> std::shared_ptr<const Served> { throw std::runtime_error("no"); };
  EXPECT_THROW(cache.find_or_prepare(shape(1), fail), std::runtime_error);
  EXPECT_EQ(cache.find(shape(1)), nullptr);
  EXPECT_NE(cache.find_or_prepare(shape(1), served), nullptr);
}

TEST(ShapeCache, AWaitingThreadPreparesWhatAnotherCouldNot) {
  ShapeCache cache(at_most(4));
  std::future<std::shared_ptr<const Served>> waiting;
  const auto fail = [&]() -> std::shared_ptr<const Served> {
    waiting =
        std::async(std::launch::async, [&] { return cache.find_or_prepare(shape(1), served); });
    throw std::runtime_error("no");
  };
  EXPECT_THROW(cache.find_or_prepare(shape(1), fail), std::runtime_error);
  const auto prepared = waiting.get();
  EXPECT_NE(prepared, nullptr);
  EXPECT_EQ(cache.find(shape(1)), prepared);
}

TEST(ShapeCache, ServesManyShapesToManyThreadsWithinItsBounds) {
  constexpr int threads = 4;
  constexpr std::int64_t shapes = 100;
  constexpr std::size_t kept = 10;
  ShapeCache cache(at_most(kept));
  std::atomic<int> wrong = 0;
  const auto use = [&](unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<std::int64_t> lengths(1, shapes);
    for (int i = 0; i < 2000; ++i) {
      const std::int64_t length = lengths(random);
      const auto bytes = static_cast<std::size_t>(length);  // by which a shape is known
      auto found = cache.find(shape(length));
      if (found == nullptr) {
        found = cache.find_or_prepare(shape(length), [&] { return served_with(bytes); });
      }
      if (found->executable->bytes() != bytes) ++wrong;
    }
  };
  std::vector<std::thread> running;
  for (unsigned seed = 0; seed < threads; ++seed) running.emplace_back(use, seed);
  for (std::thread& thread : running) thread.join();
  EXPECT_EQ(wrong, 0);
  std::size_t there = 0;
  for (std::int64_t length = 1; length <= shapes; ++length) {
    if (cache.find(shape(length)) != nullptr) ++there;
  }
  EXPECT_LE(there, kept);
  EXPECT_GT(there, 0U);
}

TEST(ShapeCache, PinsBeforeAnythingCanDropTheShape) {
  ShapeCache cache(at_most(1));
  const auto add = [&](std::int64_t length) { cache.find_or_prepare(shape(length), served); };
  cache.pin(shape(1), [&] {
    add(2);
    add(3);
    return served();
  });
  EXPECT_NE(cache.find(shape(3)), nullptr) << "a pinned shape takes no other's place";
  add(4);
  EXPECT_NE(cache.find_pinned(shape(1)), nullptr);
  EXPECT_NE(cache.find(shape(4)), nullptr);
  EXPECT_EQ(cache.find_pinned(shape(4)), nullptr);
}

TEST(ShapeCache, AReplacementOutlivesThePreparationItComesDuring) {
  ShapeCache cache(at_most(4));
  const auto better = served();
  std::future<void> replacing;
  cache.find_or_prepare(shape(1), [&] {
    replacing = std::async(std::launch::async, [&] { cache.replace(shape(1), better); });
    return served();
  });
  replacing.get();
  EXPECT_EQ(cache.find(shape(1)), better);
}

TEST(ShapeCache, ForgetsAndReplacesNothingForgotten) {
  ShapeCache cache(at_most(4));
  cache.find_or_prepare(shape(1), served);
  cache.clear();
  cache.replace(shape(1), served());
  EXPECT_EQ(cache.find(shape(1)), nullptr);
}

}  // namespace
}  // namespace convtune
