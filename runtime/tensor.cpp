#include <fmt/format.h>
#include <convtune/tensor.hpp>

#include "kernels/all_values.hpp"

namespace convtune {

DType dtype_from_name(std::string_view wanted) {
  if (const auto dtype = value_named<DType>(wanted)) return *dtype;
  throw Error(Status::invalid,
              fmt::format("dtype is \"{}\"; it must be float32, float16 or bfloat16 (quantised "
                          "weights have to be dequantised first)",
                          wanted));
}

std::string to_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  }
  return text + (shape.rank() == 1 ? ",)" : ")");
}

}  // namespace convtune
