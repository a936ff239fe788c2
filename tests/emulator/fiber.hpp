#pragma once

#include <cstddef>
#include <memory>

namespace convtune::emulator {

/// Code with a stack of its own, which runs until it switches to another fiber of the same OS
/// thread. A fiber that is dropped or restarted is not unwound: what lies on its stack is
/// forgotten.
class Fiber {
 public:
  /// The calling OS thread itself, to be switched from and back to.
  Fiber();
  /// Calls body(argument), which must never return, when first switched to.
  Fiber(void (*body)(void*), void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Suspends this fiber, which must be the running one, and continues `next`.
  void switch_to(Fiber& next);
  /// Lets the body begin anew when next switched to.
  void restart();

 private:
  struct Switch;
  class Stack;
  void arrive(const Switch& from, void* left_at);

  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  void* context_ = nullptr;  ///< where it continues
  std::unique_ptr<Stack> memory_;
  // What AddressSanitizer and ThreadSanitizer want to know of a fiber.
  const void* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;
  void* fake_stack_ = nullptr;
  [[maybe_unused]] void* tsan_fiber_ = nullptr;
};

}  // namespace convtune::emulator
