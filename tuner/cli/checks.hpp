#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

namespace convtune::cli {

/// An option's check: a number of type T, in the notation of C, not below `least`.
template <typename T>
CLI::Validator at_least(T least) {
  return CLI::Validator(
      [least](std::string& text) {
        T value{};
        const bool is_number = !text.starts_with('-') && CLI::detail::lexical_cast(text, value);
        if (is_number && value >= least) return std::string();
        return fmt::format("'{}' is no number from {} up", text, least);
      },
      "");
}

}  // namespace convtune::cli
