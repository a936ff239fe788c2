#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

namespace convtune::cli {

/// An option's check: a number of type T, from `least` to `most`.
template <typename T>
CLI::Validator number_from(T least, T most = std::numeric_limits<T>::max()) {
  return CLI::Validator(
      [least, most](std::string& text) {
        T value{};
        const char* end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data(), end, value);
        const bool is_number = error == std::errc() && rest == end;
        if (is_number && value >= least && value <= most) return std::string();
        const char* const kind = std::is_integral_v<T> ? "whole number" : "number";
        return most == std::numeric_limits<T>::max()
                   ? fmt::format("'{}' is no {} from {} up, or too large", text, kind, least)
                   : fmt::format("'{}' is no {} from {} to {}", text, kind, least, most);
      },
      "");
}

}  // namespace convtune::cli
