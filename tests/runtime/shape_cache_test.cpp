#include "runtime/shape_cache.hpp"

#include <gmock/gmock.h>

#include <future>
#include <stdexcept>

namespace convtune {
namespace {

std::shared_ptr<const Served> served() { return std::make_shared<const Served>(); }

ShapeKey shape(std::int64_t length) { return {.batch = 1, .length = length, .alignment = 16}; }

TEST(ShapeCache, PreparesAShapeOnce) {
  ShapeCache cache(4);
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
  ShapeCache cache(2);
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

TEST(ShapeCache, StaysUnpreparedWhenPreparingThrows) {
  ShapeCache cache(4);
  const auto fail = []() -> std::shared_ptr<const Served> { throw std::runtime_error("no"); };
  EXPECT_THROW(cache.find_or_prepare(shape(1), fail), std::runtime_error);
  EXPECT_EQ(cache.find(shape(1)), nullptr);
  EXPECT_NE(cache.find_or_prepare(shape(1), served), nullptr);
}

TEST(ShapeCache, AWaitingThreadPreparesWhatAnotherCouldNot) {
  ShapeCache cache(4);
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

TEST(ShapeCache, PinsBeforeAnythingCanDropTheShape) {
  ShapeCache cache(1);
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
  ShapeCache cache(4);
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
  ShapeCache cache(4);
  cache.find_or_prepare(shape(1), served);
  cache.clear();
  cache.replace(shape(1), served());
  EXPECT_EQ(cache.find(shape(1)), nullptr);
}

}  // namespace
}  // namespace convtune
