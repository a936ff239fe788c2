#include "tests/golden/golden.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "kernels/problem_json.hpp"

namespace convtune::golden {
namespace {

std::vector<double> numbers(const nlohmann::json& list) {
  std::vector<double> values;
  values.reserve(list.size());
  for (const auto& entry : list) {
    values.push_back(entry.is_string() ? std::stod(entry.get<std::string>()) : entry.get<double>());
  }
  return values;
}

std::vector<std::byte> array(const nlohmann::json& list, DType dtype) {
  const std::vector<double> values = numbers(list);
  std::vector<std::byte> elements(values.size() * size_of(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    store_element(elements.data(), dtype, static_cast<std::int64_t>(i),
                  static_cast<float>(values[i]));
  }
  return elements;
}

Case read(const nlohmann::json& line) {
  Case made{.name = line.at("name"),
            .source = line.at("source"),
            .in_float64 = line.at("computed_in") == "float64",
            .problem = problem_from_json(line.at("problem")),
            .x = {},
            .weight = {},
            .bias = {},
            .y = numbers(line.at("y"))};
  made.x = array(line.at("x"), made.problem.dtype);
  made.weight = array(line.at("weight"), made.problem.dtype);
  if (made.problem.has_bias) made.bias = array(line.at("bias"), made.problem.dtype);
  return made;
}

}  // namespace

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const char* name : {"torch.jsonl", "onnx.jsonl"}) {
    std::ifstream file(std::string(CONVTUNE_GOLDEN_DIR) + "/" + name);
    if (!file) throw std::runtime_error(std::string("cannot read golden cases: ") + name);
    for (std::string line; std::getline(file, line);) {
      cases.push_back(read(nlohmann::json::parse(line)));
    }
  }
  return cases;
}

}  // namespace convtune::golden
