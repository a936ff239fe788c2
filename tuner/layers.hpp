#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "results/record.hpp"

namespace convtune {

/// A problem to tune and what people call it.
struct Layer {
  Problem problem;
  Label label;
};

/// A short name for people: "Whisper-tiny encoder.conv1 float16"; without labels describe(problem).
std::string title(const Layer& layer);

/// The layers of a layers file (a JSON list; format: tuner/layers/README.md), one Layer for each of
/// its dtypes, duplicates of a problem removed. Throws Error{invalid} naming the file, the entry
/// and the rule; nothing of a file with one bad entry is used. An unreadable file is
/// Error{storage}.
std::vector<Layer> read_layers(const std::filesystem::path& file);

/// `--layers`: a shipped list's name (case-insensitive: "quickstart", "core", "all", a model's name
/// or its beginning, "whisper") or a file's path, which holds a '/' or ends with ".json" where
/// there is no such file. Throws Error{invalid} naming the lists there are for any other word.
std::vector<Layer> load_layers(std::string_view name_or_file);

/// The layers of a grid file: a JSON object that gives a list of values for any key of a problem,
/// and optionally `base` (layers, or the name of a list or file); the product of all values over
/// all base layers (format: tuner/layers/README.md). Combinations that are no valid problem
/// (channels not divisible by groups, output below 1) are left out. Errors as read_layers().
std::vector<Layer> read_grid(const std::filesystem::path& file);

/// `--grid`: "default", the shipped grid of strides, dilations and groups, or a file's path.
std::vector<Layer> load_grid(std::string_view name_or_file);

/// Names of the shipped lists with how many layers each has.
struct ListInfo {
  std::string name;
  std::string summary;
  std::size_t layers = 0;
};
std::vector<ListInfo> shipped_lists();

/// What most of them are known by, in lower case: "whisper" for "Whisper-tiny", each once.
std::set<std::string> first_words_of_lists();

}  // namespace convtune
