#include "tuner/layers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

/// A folder of files, removed with the test.
class LayerFiles : public testing::Test {
 protected:
  LayerFiles() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("convtune_layers_" + std::string(test->name()));
    std::filesystem::create_directories(folder_);
  }
  ~LayerFiles() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

constexpr const char* one_layer = R"({"length":9,"in_channels":4,"out_channels":6,"kernel_size":3)";

TEST_F(LayerFiles, EachDtypeIsALayer) {
  const auto file = write("mine.json", std::string("[") + one_layer +
                                           R"(,"padding":[2,1],"model":"M","layer":"l",
                                           "shape_class":"c","note":"n",
                                           "dtypes":["bfloat16","float32"]}])");
  const std::vector<Layer> layers = read_layers(file);
  ASSERT_EQ(layers.size(), 2U);
  const Problem expected{.length = 9,
                         .in_channels = 4,
                         .out_channels = 6,
                         .kernel_size = 3,
                         .padding = {.left = 2, .right = 1},
                         .dtype = DType::bfloat16};
  EXPECT_EQ(layers[0].problem, expected);
  EXPECT_EQ(layers[0].label.problem, expected);
  EXPECT_EQ(layers[1].problem.dtype, DType::float32);
  EXPECT_EQ(layers[0].label.model, "M");
  EXPECT_EQ(layers[0].label.layer, "l");
  EXPECT_EQ(layers[0].label.shape_class, "c");
  EXPECT_EQ(layers[0].label.list, "mine");
}

TEST_F(LayerFiles, KeepTheFirstOfEqualProblems) {
  const std::string layer = one_layer;
  const auto file =
      write("a.json", "[" + layer + R"(,"layer":"first"},)" + layer +
                          R"(,"stride":1,"layer":"second"},)" + layer + R"(,"stride":2}])");
  const std::vector<Layer> layers = read_layers(file);
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].label.layer, "first");
  EXPECT_EQ(layers[1].problem.stride, 2);
}

TEST_F(LayerFiles, RefuseWhatTheSchemasRefuse) {
  std::ifstream stream(CONVTUNE_BAD_FILES);
  const auto cases = nlohmann::json::parse(stream);
  ASSERT_GT(cases.size(), 40U);
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.at("why").get<std::string>());
    const auto file = write("bad.json", bad.at("file").dump());
    const std::string message = refusal([&] {
      if (bad.at("kind") == "grid") {
        read_grid(file);
      } else {
        read_layers(file);
      }
    });
    EXPECT_THAT(message, HasSubstr(file.string()));
    EXPECT_THAT(message, HasSubstr(bad.at("says").get<std::string>()));
    EXPECT_TRUE(std::ranges::none_of(message, [](unsigned char c) { return std::iscntrl(c); }))
        << "it would reach the terminal";
  }
}

TEST_F(LayerFiles, NameTheEntryAndTheRuleThatAProblemBreaks) {
  const auto file = write("a.json", std::string("[") + one_layer + "}," + one_layer +
                                        R"(,"model":"M","layer":"l","num_groups":4}])");
  const std::string message = refusal([&] { read_layers(file); });
  EXPECT_THAT(message, HasSubstr("entry 2 (M l)"));
  EXPECT_THAT(message, HasSubstr("out_channels"));
}

TEST_F(LayerFiles, NameTheLineOfASyntaxError) {
  const auto file = write("a.json", "[\n  {\"length\": 3},\n  {\"length\" 4}\n]\n");
  EXPECT_THAT(refusal([&] { read_layers(file); }), HasSubstr("line 3, column 13"));
  EXPECT_THAT(refusal([&] { read_layers(write("b.json", "")); }), HasSubstr("line 1"));
}

TEST_F(LayerFiles, RefuseAKeyGivenTwice) {
  const auto file = write("a.json", R"([{"length": 3, "length": 4}])");
  EXPECT_THAT(refusal([&] { read_layers(file); }), HasSubstr("a.json: the key \"length\""));
}

TEST_F(LayerFiles, ThatCannotBeReadAreAStorageError) {
  refusal([&] { read_layers(folder_ / "none.json"); }, Status::storage);
  refusal([&] { read_layers(folder_); }, Status::storage);
  refusal([&] { load_grid((folder_ / "none.json").string()); }, Status::storage);
}

TEST_F(LayerFiles, AreLoadedByPath) {
  const auto file = write("mine.json", std::string("[") + one_layer + "}]");
  EXPECT_EQ(load_layers(file.string()).size(), 1U);
}

TEST(ShippedLists, ReadAllRecordsOfModels) {
  std::ifstream stream(std::string(CONVTUNE_LAYERS_DIR) + "/models.json");
  const auto records = nlohmann::json::parse(stream);
  ASSERT_EQ(records.size(), 1061U);
  std::set<std::string> labels, core;
  for (const Layer& layer : load_layers("all")) labels.insert(layer.label.model);
  for (const Layer& layer : load_layers("core")) core.insert(layer.label.model);
  for (const auto& record : records) {
    EXPECT_TRUE(labels.contains(record.at("model"))) << record.at("model");
  }
  EXPECT_TRUE(std::includes(labels.begin(), labels.end(), core.begin(), core.end()));
  EXPECT_LT(load_layers("core").size(), load_layers("all").size());
}

TEST(ShippedLists, AreFoundByTheBeginningOfAModelInAnyCase) {
  for (const char* name : {"whisper", "Whisper-T", "wav2vec", "MAMBA", "hifi-gan", "encodec",
                           "conv-tasnet", "basenji2"}) {
    const std::vector<Layer> layers = load_layers(name);
    EXPECT_FALSE(layers.empty()) << name;
  }
  const std::vector<Layer> tiny = load_layers("whisper-tiny");
  ASSERT_EQ(tiny.size(), 4U);
  EXPECT_EQ(tiny[0].problem.in_channels, 80);
  EXPECT_EQ(tiny[0].problem.out_channels, 384);
  EXPECT_EQ(tiny[0].label.list, "whisper-tiny");
}

TEST(ShippedLists, AreNamedWhenNoneIsMeant) {
  for (const char* name : {"no such model", ""}) {
    const std::string message = refusal([&] { load_layers(name); });
    for (const char* list : {"quickstart", "core", "all", "whisper"}) {
      EXPECT_THAT(message, HasSubstr(list));
    }
  }
}

TEST(ShippedLists, SayHowManyLayersTheyHave) {
  for (const ListInfo& list : shipped_lists()) {
    EXPECT_FALSE(list.summary.empty());
    EXPECT_GE(load_layers(list.name).size(), list.layers) << list.name;
  }
}

TEST(Quickstart, HasRealLayersOfManyKindsAndAGrid) {
  std::set<Problem> real;
  for (const Layer& layer : load_layers("all")) real.insert(layer.problem);
  std::size_t real_layers = 0, grid_layers = 0;
  std::set<Layout> layouts;
  std::set<DType> dtypes;
  for (const Layer& layer : load_layers("quickstart")) {
    EXPECT_EQ(layer.label.list, "quickstart");
    EXPECT_LE(multiply_adds(layer.problem), 7'500'000'000) << describe(layer.problem);
    layouts.insert(layer.problem.layout);
    dtypes.insert(layer.problem.dtype);
    if (layer.label.shape_class == "grid") {
      ++grid_layers;
    } else {
      ++real_layers;
      EXPECT_TRUE(real.contains(layer.problem)) << describe(layer.problem);
    }
  }
  EXPECT_EQ(real_layers, 24U);
  EXPECT_EQ(grid_layers, 18U);
  EXPECT_EQ(layouts.size(), 2U);
  EXPECT_EQ(dtypes.size(), 3U);
}

class Grids : public LayerFiles {};

TEST_F(Grids, AreTheProductOfTheirValues) {
  const auto layers = read_grid(write("g.json", R"({"length":[20,30],"in_channels":[4],
      "out_channels":[8],"kernel_size":[3],"stride":[1,2,3],"dtype":["float32","float16"]})"));
  EXPECT_EQ(layers.size(), 12U);
  std::set<Problem> problems;
  for (const Layer& layer : layers) problems.insert(layer.problem);
  EXPECT_EQ(problems.size(), 12U);
  for (const std::int64_t length : {20, 30}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      for (const DType dtype : {DType::float32, DType::float16}) {
        EXPECT_TRUE(problems.contains({.length = length,
                                       .in_channels = 4,
                                       .out_channels = 8,
                                       .kernel_size = 3,
                                       .stride = stride,
                                       .padding = {.left = 1, .right = 1},
                                       .dtype = dtype}));
      }
    }
  }
}

TEST_F(Grids, KeepTheLengthUnlessPaddingIsGiven) {
  const std::string sizes = R"("length":[20],"in_channels":[4],"out_channels":[8],)";
  for (const Layer& layer :
       read_grid(write("g.json", "{" + sizes + R"("kernel_size":[1,2,3,4],"dilation":[1,2,5]})"))) {
    EXPECT_EQ(output_length(layer.problem), 20) << describe(layer.problem);
    const Padding& padding = layer.problem.padding;
    EXPECT_LE(padding.right - padding.left, 1);
    EXPECT_GE(padding.right, padding.left);
  }
  const auto given = read_grid(
      write("h.json", "{" + sizes + R"("kernel_size":[3],"padding":[0,[2,0]],"dilation":[2]})"));
  ASSERT_EQ(given.size(), 2U);
  EXPECT_EQ(given[0].problem.padding, (Padding{0, 0}));
  EXPECT_EQ(given[1].problem.padding, (Padding{2, 0}));
}

TEST_F(Grids, LeaveOutWhatIsNoProblem) {
  const auto layers = read_grid(write("g.json", R"({"length":[8],"in_channels":[12],
      "out_channels":[6],"kernel_size":[3],"num_groups":[1,4,6,"depthwise"]})"));
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].problem.num_groups, 1);
  EXPECT_EQ(layers[1].problem.num_groups, 6);
  const auto none = write("h.json", R"({"length":[8],"in_channels":[12],"out_channels":[6],
      "kernel_size":[3],"num_groups":[5]})");
  EXPECT_THAT(refusal([&] { read_grid(none); }), HasSubstr("no combination"));
}

TEST_F(Grids, SurviveValuesThatOverflowTogether) {
  const auto file = write("g.json", R"({"length":[8],"in_channels":[1],"out_channels":[1],
      "kernel_size":[3,4000000000000],"dilation":[1,4000000000000]})");
  const auto layers = read_grid(file);
  EXPECT_TRUE(std::all_of(layers.begin(), layers.end(),
                          [](const Layer& layer) { return output_length(layer.problem) == 8; }));
}

TEST_F(Grids, PutTheirValuesIntoABase) {
  write("base.json", std::string("[") + one_layer +
                         R"(,"model":"M","layer":"l","has_bias":true,"dtypes":["float16"]}])");
  for (const char* base : {"\"base.json\"", "\"whisper-tiny\"",
                           R"([{"length":9,"in_channels":4,"out_channels":6,"kernel_size":3,
                               "model":"M","layer":"l","has_bias":true,"dtype":"float16"}])"}) {
    const auto layers = read_grid(
        write("g.json", std::string("{\"base\":") + base + R"(,"stride":[4],"num_groups":[1,2]})"));
    const bool shipped = std::string(base) == "\"whisper-tiny\"";
    ASSERT_EQ(layers.size(), shipped ? 8U : 2U) << base;
    EXPECT_TRUE(layers[0].problem.has_bias);
    EXPECT_EQ(layers[0].problem.dtype, DType::float16);
    EXPECT_EQ(layers[0].problem.stride, 4);
    EXPECT_EQ(layers[1].problem.num_groups, 2);
    EXPECT_EQ(layers[1].label.model, shipped ? "Whisper-tiny" : "M");
    EXPECT_EQ(layers[1].label.shape_class, "grid");
    EXPECT_THAT(layers[1].label.layer, HasSubstr("s4"));
  }
}

TEST_F(Grids, RefuseMoreThanAMillionCombinations) {
  nlohmann::json values = nlohmann::json::array();
  for (int i = 1; i <= 101; ++i) values.push_back(i);
  nlohmann::json grid;
  for (const char* key : {"length", "in_channels", "out_channels", "kernel_size"})
    grid[key] = values;
  const auto file = write("g.json", grid.dump());
  EXPECT_THAT(refusal([&] { read_grid(file); }), HasSubstr("combinations"));
}

TEST(DefaultGrid, CoversStridesDilationsAndGroups) {
  std::set<std::int64_t> strides, dilations, groups;
  for (const Layer& layer : load_grid("default")) {
    strides.insert(layer.problem.stride);
    dilations.insert(layer.problem.dilation);
    groups.insert(layer.problem.num_groups);
  }
  EXPECT_EQ(strides, (std::set<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(dilations, (std::set<std::int64_t>{1, 2, 4, 8}));
  EXPECT_THAT(groups, testing::IsSupersetOf({1, 4, 16, 1792}));
}

}  // namespace
}  // namespace convtune
