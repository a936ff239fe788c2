#include "kernels/all_values.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace convtune {
namespace {

using testing::ElementsAre;

template <typename Enum>
std::vector<std::string_view> names() {
  std::vector<std::string_view> found;
  for (const Enum each : all_values(Enum{})) found.push_back(name(each));
  return found;
}

TEST(AllValues, HaveTheNamesThatUsersWrite) {
  EXPECT_THAT(names<DType>(), ElementsAre("float32", "float16", "bfloat16"));
  EXPECT_THAT(names<Math>(), ElementsAre("ieee", "tf32x3", "tf32", "winograd"));
  EXPECT_THAT(names<Layout>(), ElementsAre("NLC", "NCL"));
  EXPECT_THAT(names<Activation>(),
              ElementsAre("none", "relu", "gelu", "gelu_tanh", "silu", "tanh"));
}

TEST(AllValues, AreFoundByTheWholeName) {
  EXPECT_EQ(value_named<Activation>("gelu"), Activation::gelu);
  EXPECT_EQ(value_named<Activation>("gelu_tanh"), Activation::gelu_tanh);
  EXPECT_EQ(value_named<Activation>("gel"), std::nullopt);
  EXPECT_EQ(value_named<Layout>("ncl"), std::nullopt);
  EXPECT_EQ(value_named<Math>(""), std::nullopt);
}

}  // namespace
}  // namespace convtune
