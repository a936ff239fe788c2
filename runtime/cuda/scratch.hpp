#pragma once

#include <list>
#include <memory>
#include <optional>

#include "runtime/cuda/context.hpp"

namespace convtune {

/// Memory in which a kernel keeps what it needs between its steps, such that its runs may overlap:
/// each of the 4 streams used last has a piece of its own, and so has each stream of a capture, as
/// long as the graph captured or an instance of it lives. Further streams wait on the GPU until the
/// piece that was used longest ago is free. For one thread at a time.
class Scratch {
 public:
  static constexpr std::size_t most_streams = 4;

  /// Makes the first piece. If `bytes` is 0, neither this nor anything below asks the driver for
  /// anything. All throw as check() does.
  Scratch(std::shared_ptr<const CudaContext> context, std::size_t bytes);

  /// The piece for what will be started on `stream` until ended(), in the scratch's context: 256
  /// bytes aligned, or 0 if there are no bytes.
  CUdeviceptr begin(CUstream stream);

  /// After the run has been started on that stream.
  void end(CUstream stream);

 private:
  /// A stream, or a stream of a capture, by numbers that the driver never gives twice.
  struct User {
    unsigned long long stream = 0;
    cuuint64_t capture = 0;  ///< 0 outside
    bool operator==(const User&) const = default;
  };
  struct Piece {
    CudaMemory memory;
    CudaEvent ended;                 ///< the last run outside a capture
    std::optional<User> user = {};   ///< the last
    std::weak_ptr<void> graph = {};  ///< lives as long as the graph that the user captures
  };
  using Place = std::list<Piece>::iterator;

  Place make();
  Place free_piece();
  Place of_stream(CUstream stream);

  std::shared_ptr<const CudaContext> context_;
  std::size_t bytes_;
  std::list<Piece> pieces_;  ///< the one used last in front
};

}  // namespace convtune
