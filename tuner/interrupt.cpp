#include "tuner/interrupt.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <csignal>

namespace convtune {
namespace {

volatile std::sig_atomic_t noted_signal = 0;

void note(int signal) { noted_signal = signal; }

}  // namespace

void note_interrupts() {
  struct sigaction action = {};
  action.sa_handler = note;  // without SA_RESTART: a wait must end
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void stop_noting_interrupts() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int interrupted() { return noted_signal; }

void wait_for_interrupt(double seconds) {
  constexpr int nothing = -1;  // which poll() takes for a descriptor that is never readable
  wait_readable(nothing, seconds);
}

bool wait_readable(int descriptor, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(seconds);
  // A signal between the look at the flag and poll() would be missed: hence short slices.
  constexpr double slice_seconds = 0.2;
  while (interrupted() == 0) {
    const double left = std::chrono::duration<double>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd poll_for{.fd = descriptor, .events = POLLIN, .revents = 0};
    const int milliseconds = static_cast<int>(std::min(left, slice_seconds) * 1000) + 1;
    if (poll(&poll_for, 1, milliseconds) > 0) return true;
  }
  return false;
}

}  // namespace convtune
