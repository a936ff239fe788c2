#include "tuner/guarded_output.hpp"

#include <algorithm>
#include <cstring>

namespace convtune {
namespace {

constexpr std::byte poison{0xFF};
constexpr std::size_t guard_bytes = 4096;
constexpr std::size_t bytes_of_a_task = std::size_t{1} << 20;
constexpr std::int64_t bytes_of_an_operation = 4;

std::size_t tasks_of(std::size_t bytes) { return (bytes + bytes_of_a_task - 1) / bytes_of_a_task; }

/// Calls task(number, part) for each part of `bytes`, on any thread.
template <class Bytes, class F>
void for_parts(ThreadPool& threads, Bytes bytes, F&& task) {
  threads.parallel_for(static_cast<std::int64_t>(tasks_of(bytes.size())),
                       static_cast<std::int64_t>(bytes.size()) / bytes_of_an_operation,
                       [&](std::int64_t i) {
                         const std::size_t first = static_cast<std::size_t>(i) * bytes_of_a_task;
                         const std::size_t count = std::min(bytes_of_a_task, bytes.size() - first);
                         task(static_cast<std::size_t>(i), bytes.subspan(first, count));
                       });
}

template <class Bits>
bool is_poison(const std::byte* element) {
  Bits bits;
  std::memcpy(&bits, element, sizeof bits);
  return bits == static_cast<Bits>(~Bits{0});
}

/// The first element that is poison, or -1.
template <class Bits>
std::int64_t first_poison(std::span<const std::byte> elements) {
  const std::size_t count = elements.size() / sizeof(Bits);
  const auto is_poison_at = [&](std::size_t i) {
    return is_poison<Bits>(elements.data() + i * sizeof(Bits));
  };
  Bits any = 0;  // not looked for at once, as vectors can do it
  for (std::size_t i = 0; i < count; ++i) any |= is_poison_at(i) ? 1 : 0;
  if (any == 0) return -1;
  std::size_t first = 0;
  while (!is_poison_at(first)) ++first;
  return static_cast<std::int64_t>(first);
}

}  // namespace

GuardedOutput::GuardedOutput(Device& device, const Problem& problem, ThreadPool& threads)
    : device_(device),
      threads_(threads),
      element_(size_of(problem.dtype)),
      bytes_(static_cast<std::size_t>(output_elements(problem)) * element_),
      memory_(device.allocate(bytes_ + 2 * guard_bytes)) {
  const std::size_t size = bytes_ + 2 * guard_bytes;
  if (device.properties().kind != DeviceKind::cpu) copy_.resize(size);
  host_ = copy_.empty() ? std::span(static_cast<std::byte*>(memory_.get()), size) : copy_;
}

void* GuardedOutput::data() const { return static_cast<std::byte*>(memory_.get()) + guard_bytes; }

const void* GuardedOutput::host_data() const { return host_.data() + guard_bytes; }

void GuardedOutput::fill_with_poison() {
  for_parts(threads_, host_,
            [](std::size_t, std::span<std::byte> part) { std::ranges::fill(part, poison); });
  if (!copy_.empty()) device_.copy_in(memory_.get(), copy_.data(), copy_.size());
}

bool GuardedOutput::fetch() {
  if (!copy_.empty()) device_.copy_out(copy_.data(), memory_.get(), copy_.size());
  const auto untouched = [](std::span<const std::byte> guard) {
    return std::ranges::all_of(guard, [](std::byte b) { return b == poison; });
  };
  return untouched(host_.first(guard_bytes)) && untouched(host_.last(guard_bytes));
}

std::int64_t GuardedOutput::first_unwritten() const {
  std::vector<std::int64_t> first_of_part(tasks_of(bytes_));
  for_parts(threads_, std::span<const std::byte>(host_).subspan(guard_bytes, bytes_),
            [&](std::size_t number, std::span<const std::byte> part) {
              first_of_part[number] = element_ == sizeof(std::uint32_t)
                                          ? first_poison<std::uint32_t>(part)
                                          : first_poison<std::uint16_t>(part);
            });
  const auto found = std::ranges::find_if(first_of_part, [](std::int64_t at) { return at >= 0; });
  if (found == first_of_part.end()) return -1;
  const auto elements_of_a_part = static_cast<std::int64_t>(bytes_of_a_task / element_);
  return (found - first_of_part.begin()) * elements_of_a_part + *found;
}

}  // namespace convtune
