#pragma once

#include <cstdint>
#include <optional>

namespace convtune {

/// A signed 64-bit integer that remembers whether any step of its computation overflowed.
class Checked {
 public:
  constexpr Checked(std::int64_t value) : value_(value) {}  // NOLINT(google-explicit-constructor)

  friend constexpr Checked operator+(Checked a, Checked b) {
    Checked sum(0);
    sum.overflowed_ =
        __builtin_add_overflow(a.value_, b.value_, &sum.value_) || a.overflowed_ || b.overflowed_;
    return sum;
  }
  friend constexpr Checked operator-(Checked a, Checked b) {
    Checked difference(0);
    difference.overflowed_ = __builtin_sub_overflow(a.value_, b.value_, &difference.value_) ||
                             a.overflowed_ || b.overflowed_;
    return difference;
  }
  friend constexpr Checked operator*(Checked a, Checked b) {
    Checked product(0);
    product.overflowed_ = __builtin_mul_overflow(a.value_, b.value_, &product.value_) ||
                          a.overflowed_ || b.overflowed_;
    return product;
  }

  /// The value, or nothing if it does not fit.
  constexpr std::optional<std::int64_t> value() const {
    return overflowed_ ? std::nullopt : std::optional(value_);
  }

 private:
  std::int64_t value_;
  bool overflowed_ = false;
};

}  // namespace convtune
