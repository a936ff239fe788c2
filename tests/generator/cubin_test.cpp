#include "generator/cubin.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/generator/tiny_cubin.hpp"
#include "tests/refusal.hpp"

namespace convtune {
namespace {

TEST(ResourcesFromLog, AreThoseOfPtxas) {
  const Resources resources = resources_from_log(
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function 'convtune_kernel' for 'sm_75'\n"
      "ptxas info    : Function properties for convtune_kernel\n"
      "ptxas         .     40 bytes stack frame, 36 bytes spill stores, 44 bytes spill loads\n"
      "ptxas info    : Used 115 registers, used 1 barriers, 40 bytes cumulative stack size, "
      "2048 bytes smem, 456 bytes cmem[0]\n");
  EXPECT_EQ(resources, (Resources{115, 80, 40, 2048}));
}

TEST(ResourcesFromLog, MustBeThere) {
  refusal([] { resources_from_log(""); }, Status::failed);
  refusal([] { resources_from_log("Used 3 registers"); }, Status::failed);
  refusal(
      [] {
        resources_from_log(
            "0 bytes stack frame, 2147483648 bytes spill stores, 1 bytes spill loads\n"
            "Used 99999999999 registers");
      },
      Status::failed);
}

TEST(Cubin, TellsTheKernelsRegistersAndFrame) {
  const CubinInfo info = read_cubin(TinyCubin().bytes(), "convtune_kernel");
  EXPECT_EQ(info.registers, 40);
  EXPECT_EQ(info.frame_bytes, 16);
  EXPECT_EQ(read_cubin(TinyCubin().bytes(), "other").registers, 99);
}

TEST(Cubin, RefusesWhatIsNone) {
  refusal([] { read_cubin("", "convtune_kernel"); }, Status::failed);
  refusal([] { read_cubin(std::string(4096, 'x'), "convtune_kernel"); }, Status::failed);
  refusal([] { read_cubin(TinyCubin().bytes(), "third"); }, Status::failed);
}

TEST(Cubin, CutOrDamagedAnywhereIsRefusedOrReadNeverACrash) {
  const std::string whole = TinyCubin().bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    refusal([&] { read_cubin(whole.substr(0, i), "convtune_kernel"); }, Status::failed);
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
    try {
      read_cubin(damaged, "convtune_kernel");
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::failed);
    }
  }
}

}  // namespace
}  // namespace convtune
