#pragma once

#include <gmock/gmock.h>

#include <string>

#include "kernels/error.hpp"

namespace convtune {

/// The message of the Error that `action` throws, after checking its status; fails the test and
/// returns "" if it throws none.
template <typename F>
std::string refusal(F&& action, Status status = Status::invalid) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), status) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

}  // namespace convtune
