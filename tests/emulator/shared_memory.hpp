#pragma once

#include <cstddef>
#include <memory>
#include <optional>

namespace convtune::emulator {

/// A block's dynamic shared memory. As on a GPU, instructions name its bytes by 32-bit addresses in
/// a window of their own.
class SharedMemory {
 public:
  static constexpr unsigned window = 1024;     ///< address of its first byte
  static constexpr unsigned alignment = 1024;  ///< of its first byte
  static constexpr unsigned limit = 227 * 1024;

  /// That of the block of this rank in its cluster.
  SharedMemory(unsigned bytes, unsigned rank);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// Fills it with NaN, whatever the type.
  void poison();

  char* data() { return data_; }
  unsigned size() const { return bytes_; }
  /// Whether `pointer` means shared memory: inside, or so near that it must have been meant.
  bool is_near(const void* pointer) const {
    const char* at = static_cast<const char*>(pointer);
    return at >= data_ - margin && at < data_ + limit + margin;
  }
  /// Bytes from the start of the cluster's first block's, behind which that of the others follows,
  /// if all `bytes` at `pointer` lie inside.
  std::optional<unsigned> offset(const void* pointer, std::size_t bytes) const;

 private:
  static constexpr std::size_t margin = 64 * 1024;

  unsigned bytes_;
  unsigned first_;  ///< offset of its start
  char* mapping_ = nullptr;
  char* data_ = nullptr;
};

}  // namespace convtune::emulator
