#include <convtune/conv1d.hpp>
#include <cstdlib>
#include <new>

#include "tests/runtime/fakes.hpp"

namespace {

/// Allocations of this thread while it counts them.
thread_local std::size_t allocations = 0;
/// Those that this thread has not freed.
thread_local std::ptrdiff_t kept = 0;

void* counted(std::size_t bytes, const std::nothrow_t&) {
  ++allocations;
  ++kept;
  return std::malloc(bytes == 0 ? 1 : bytes);
}

void* counted(std::size_t bytes) {
  if (void* memory = counted(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}

void freed(void* memory) {
  if (memory != nullptr) --kept;
  std::free(memory);
}

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) { return counted(bytes); }
[[gnu::noinline]] void* operator new[](std::size_t bytes) { return counted(bytes); }
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t& flag) noexcept {
  return counted(bytes, flag);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, const std::nothrow_t& flag) noexcept {
  return counted(bytes, flag);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { freed(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { freed(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { freed(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { freed(memory); }

namespace convtune {
namespace {

void expect_no_allocation_in_a_prepared_run(Conv1d& conv, std::size_t alignment = 16) {
  const Elements weight = random_elements(DType::float32, 3 * 8 * 4, 1);
  const Elements x = random_elements(DType::float32, 9 * 8, 2);
  Elements y(DType::float32, 7 * 4);
  conv.load_state_dict({{"weight", {.data = weight.data(), .shape = {3, 8, 4}}}});
  const TensorView x_view{.data = x.data(), .shape = {1, 9, 8}, .device = conv.device()};
  const MutableTensorView y_view{.data = y.data(), .shape = {1, 7, 4}, .device = conv.device()};
  allocations = 0;
  conv.prepare(1, 9, alignment);
  EXPECT_GT(allocations, 0U) << "preparing allocates, or nothing is counted";
  allocations = 0;
  for (int i = 0; i < 3; ++i) conv.run(x_view, y_view);
  EXPECT_EQ(allocations, 0U);
}

TEST(Allocation, NoneInARunOfAPreparedShapeOnADevice) {
  const FakeMachine machine;
  Conv1d conv({.kernel_size = 3, .in_channels = 8, .out_channels = 4}, machine.backend());
  expect_no_allocation_in_a_prepared_run(conv);
}

TEST(Allocation, NoneInARunOfPointersBetterAlignedThanPreparedFor) {
  const FakeMachine machine;
  Conv1d conv({.kernel_size = 3, .in_channels = 8, .out_channels = 4}, machine.backend());
  expect_no_allocation_in_a_prepared_run(conv, sizeof(float));
  EXPECT_EQ(machine.gpu->prepares, 1);
}

TEST(Allocation, NoneIsKeptForRefusedShapes) {
  const FakeMachine machine;
  const Conv1d conv({.kernel_size = 3, .in_channels = 8, .out_channels = 4}, machine.backend());
  const auto refuse = [&](std::int64_t length) {
    EXPECT_THROW(conv.prepare(1, length), Error) << "no weights are loaded";
  };
  refuse(9);
  const std::ptrdiff_t before = kept;
  for (std::int64_t length = 10; length < 6010; ++length) refuse(length);
  EXPECT_EQ(kept, before);
}

TEST(Allocation, NoneInARunOfAPreparedShapeOnThisMachinesCpu) {
  Conv1d conv({.kernel_size = 3, .in_channels = 8, .out_channels = 4});
  expect_no_allocation_in_a_prepared_run(conv);
}

}  // namespace
}  // namespace convtune
