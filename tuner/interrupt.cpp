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

int interrupted() { return noted_signal; }

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
