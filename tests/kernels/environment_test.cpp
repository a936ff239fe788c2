#include "kernels/environment.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace convtune {
namespace {

// Each test runs in a process of its own, so the environment may be changed.

TEST(Environment, EmptyIsUnset) {
  unsetenv("CONVTUNE_TEST");
  EXPECT_EQ(environment("CONVTUNE_TEST"), std::nullopt);
  setenv("CONVTUNE_TEST", "", 1);
  EXPECT_EQ(environment("CONVTUNE_TEST"), std::nullopt);
  setenv("CONVTUNE_TEST", "a b", 1);
  EXPECT_EQ(environment("CONVTUNE_TEST"), "a b");
}

TEST(UserFolder, IsThatOfXdgThenOfHome) {
  setenv("HOME", "/home/someone", 1);
  setenv("XDG_DATA_HOME", "/data", 1);
  EXPECT_EQ(user_folder("XDG_DATA_HOME", ".local/share"), "/data/convtune");
  setenv("XDG_DATA_HOME", "", 1);
  EXPECT_EQ(user_folder("XDG_DATA_HOME", ".local/share"), "/home/someone/.local/share/convtune");
  unsetenv("XDG_DATA_HOME");
  EXPECT_EQ(user_folder("XDG_DATA_HOME", ".local/share"), "/home/someone/.local/share/convtune");
}

TEST(UserFolder, IgnoresRelativeOnes) {
  setenv("HOME", "/home/someone", 1);
  setenv("XDG_DATA_HOME", "data", 1);
  EXPECT_EQ(user_folder("XDG_DATA_HOME", ".local/share"), "/home/someone/.local/share/convtune");
  setenv("HOME", "someone", 1);
  EXPECT_EQ(user_folder("XDG_DATA_HOME", ".local/share"), "");
  unsetenv("HOME");
  EXPECT_EQ(user_folder("XDG_DATA_HOME", ".local/share"), "");
}

}  // namespace
}  // namespace convtune
