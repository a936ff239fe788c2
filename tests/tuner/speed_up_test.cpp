#include "tuner/speed_up.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace convtune {
namespace {

const Verdict quiet = {.default_seconds = 6,
                       .default_noise = 0.2,
                       .best_generated_seconds = 2,
                       .best_generated_noise = 0.2,
                       .best_vendor_seconds = 1,
                       .best_vendor_noise = 0.01};

TEST(SpeedUp, IsTheOtherTimeOverTheGeneratedOne) {
  EXPECT_EQ(over_default(quiet).ratio, 3);
  EXPECT_EQ(over_vendor(quiet).ratio, 0.5);
  EXPECT_TRUE(over_default(quiet).reliable);
  EXPECT_TRUE(over_vendor(quiet).reliable);
}

TEST(SpeedUp, IsUnreliableIfEitherSideScatters) {
  Verdict noisy = quiet;
  noisy.best_vendor_noise = 0.21;
  EXPECT_FALSE(over_vendor(noisy).reliable);
  EXPECT_TRUE(over_default(noisy).reliable);
  noisy = quiet;
  noisy.default_noise = 0.21;
  EXPECT_FALSE(over_default(noisy).reliable);
  EXPECT_TRUE(over_vendor(noisy).reliable);
  noisy = quiet;
  noisy.best_generated_noise = 0.21;
  EXPECT_FALSE(over_default(noisy).reliable);
  EXPECT_FALSE(over_vendor(noisy).reliable);
}

TEST(SpeedUp, IsNoneWithoutOneOfTheTwo) {
  Verdict alone = quiet;
  alone.best_vendor_seconds = 0;
  EXPECT_EQ(over_vendor(alone).ratio, 0);
  alone.best_generated_seconds = 0;
  EXPECT_EQ(over_default(alone).ratio, 0);
}

TEST(SpeedUp, IsMarkedWhereItIsUnreliable) {
  EXPECT_EQ(to_text({.ratio = 1.834, .reliable = true}), "1.83x");
  EXPECT_EQ(to_text({.ratio = 29241, .reliable = false}), "29241.00x?");
  EXPECT_EQ(to_text(SpeedUp{}), "-");
}

TEST(SpeedUp, MeanIsGeometricAndLeavesOutWhatIsUnreliable) {
  const std::vector<SpeedUp> found = {{.ratio = 4, .reliable = true},
                                      {},
                                      {.ratio = 1, .reliable = true},
                                      {.ratio = 29241, .reliable = false}};
  EXPECT_EQ(mean_text(found), "2.00x over 2 layers (1 unreliable left out)");
  EXPECT_EQ(mean_text(std::span(found).first(3)), "2.00x over 2 layers");
  EXPECT_EQ(mean_text(std::span(found).first(1)), "4.00x over 1 layer");
  EXPECT_EQ(mean_text(std::span(found).last(1)), "- (1 unreliable left out)");
  EXPECT_EQ(mean_text({}), "-");
}

}  // namespace
}  // namespace convtune
