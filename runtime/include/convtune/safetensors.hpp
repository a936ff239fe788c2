#pragma once

#include <memory>
#include <string>
#include <vector>

#include "convtune/tensor.hpp"

namespace convtune {

/// The arrays of a safetensors file, by name. Const members may be called from several threads.
/// Every error is one sentence that begins with the path.
class Safetensors {
 public:
  /// Reads and checks the header: every array lies inside the file, has the bytes that its dtype
  /// and shape need, and shares none with another. Throws Error{storage} for any other file.
  explicit Safetensors(const std::string& path);

  /// Sorted.
  std::vector<std::string> names() const;

  /// One array, read into memory of its own. Throws Error{invalid} if there is none of that name,
  /// or it is not of F32, F16 or BF16, or has more than Shape::max_rank dimensions; Error{storage}
  /// if the file has changed since.
  Tensor read(const std::string& name) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace convtune
