#include "kernels/config.hpp"

#include <gmock/gmock.h>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

TEST(Config, TextRoundTrips) {
  for (const char* text : {"direct{}", "cpu_direct{tile_l=6}", "a{b=1,c=-2,d_3=9000000000}"}) {
    EXPECT_EQ(to_text(parse_config(text)), text);
  }
  const Config config = parse_config("cpu_direct{tile_l=6,tile_c=2}");
  EXPECT_EQ(config.family, "cpu_direct");
  EXPECT_EQ(config.at("tile_l"), 6);
  EXPECT_EQ(config.at("tile_c"), 2);
  EXPECT_THAT(refusal([&] { config.at("tile_x"); }), testing::HasSubstr("no parameter tile_x"));
}

TEST(Config, OtherTextIsRefused) {
  for (const char* text : {"", "{", "direct", "direct{", "{a=1}", "direct{a}", "direct{a=}",
                           "direct{=1}", "direct{a=1,}", "direct{,a=1}", "direct{a=1}x", "d{a=01}",
                           "d{a=+1}", "d{a= 1}", "1d{a=1}", "d{a=99999999999999999999}"}) {
    EXPECT_THAT(refusal([&] { parse_config(text); }), testing::HasSubstr("is no config")) << text;
  }
}

}  // namespace
}  // namespace convtune
