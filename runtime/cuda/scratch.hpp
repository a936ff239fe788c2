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

  /// Makes the first piece. If `bytes` is 0, neither this nor a loan asks the driver for anything.
  /// Throws as check() does.
  Scratch(std::shared_ptr<const CudaContext> context, std::size_t bytes);

  class Loan;

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
  Piece* piece_for(CUstream stream);

  std::shared_ptr<const CudaContext> context_;
  std::size_t bytes_;
  std::list<Piece> pieces_;  ///< the one used last in front
};

/// A piece, lent to what is started on a stream while this lives, in the scratch's context: whoever
/// gets the piece next waits for that, and if an exception ends the loan, for what was started.
class Scratch::Loan {
 public:
  /// Throws as check() does.
  Loan(Scratch& scratch, CUstream stream);
  ~Loan();
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  /// 256 bytes aligned, or 0 if there are no bytes.
  CUdeviceptr memory() const { return piece_ == nullptr ? 0 : piece_->memory.get(); }

 private:
  const Scratch& scratch_;
  CUstream stream_;
  const Piece* piece_;
};

}  // namespace convtune
