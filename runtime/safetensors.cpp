#include <fmt/format.h>
#include <convtune/safetensors.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "kernels/checked.hpp"
#include "kernels/dtype.hpp"
#include "kernels/strict_json.hpp"
#include "runtime/listed.hpp"

namespace convtune {
namespace {

static_assert(std::endian::native == std::endian::little);

using Json = nlohmann::json;

constexpr std::uint64_t prefix_bytes = 8;  // the header's length
// The format's own limit.
constexpr std::uint64_t max_header_bytes = 100'000'000;
constexpr std::string_view metadata_key = "__metadata__";

/// An array as the header describes it. Offsets are in bytes from the end of the header.
struct Entry {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};
using Entries = std::map<std::string, Entry>;

[[noreturn]] void refuse(Status status, const std::string& path, const std::string& found) {
  throw Error(status, fmt::format("{}: {}", path, found));
}

[[noreturn]] void damaged(const std::string& path, const std::string& found) {
  refuse(Status::storage, path, "it is no sound safetensors file: " + found);
}

/// A name of the file's, which may hold anything, in quotes.
std::string quoted(const std::string& name) {
  return Json(name).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::optional<DType> dtype_of(const std::string& name) {
  if (name == "F32") return DType::float32;
  if (name == "F16") return DType::float16;
  if (name == "BF16") return DType::bfloat16;
  return std::nullopt;
}

/// A list of integers, each 0 to 2⁶³ − 1; empty for anything else.
std::optional<std::vector<std::int64_t>> sizes_from(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return std::nullopt;
  std::vector<std::int64_t> sizes;
  for (const Json& size : *found) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() > most) return std::nullopt;
    sizes.push_back(size.get<std::int64_t>());
  }
  return sizes;
}

/// The bytes of an array, if its dtype is one of ours.
std::optional<Checked> bytes_of(const Entry& entry) {
  const std::optional<DType> dtype = dtype_of(entry.dtype);
  if (!dtype) return std::nullopt;
  Checked bytes = static_cast<std::int64_t>(size_of(*dtype));
  for (const std::int64_t size : entry.shape) bytes = bytes * size;
  return bytes;
}

/// Throws the reason, without a subject, for an object that describes no array.
Entry entry_from(const Json& object, std::uint64_t data_bytes) {
  const auto lacks = [](const char* what) -> Error { return {Status::storage, what}; };
  if (!object.is_object()) throw lacks("is no object");
  const auto dtype = object.find("dtype");
  if (dtype == object.end() || !dtype->is_string()) throw lacks("has no dtype");
  auto shape = sizes_from(object, "shape");
  if (!shape) throw lacks("has no shape of whole numbers");
  const auto offsets = sizes_from(object, "data_offsets");
  if (!offsets || offsets->size() != 2) throw lacks("has no pair of data_offsets");
  Entry entry{.dtype = dtype->get<std::string>(),
              .shape = *std::move(shape),
              .begin = static_cast<std::uint64_t>(offsets->front()),
              .end = static_cast<std::uint64_t>(offsets->back())};
  if (entry.begin > entry.end || entry.end > data_bytes) {
    throw Error(Status::storage, fmt::format("has the data_offsets {} to {} in a file with {} "
                                             "bytes of data",
                                             entry.begin, entry.end, data_bytes));
  }
  const std::optional<Checked> needed = bytes_of(entry);
  const std::uint64_t held = entry.end - entry.begin;
  if (needed && (!needed->value() || static_cast<std::uint64_t>(*needed->value()) != held)) {
    throw Error(Status::storage, fmt::format("holds {} bytes, which is not what its shape ({}) of "
                                             "{} needs",
                                             held, fmt::join(entry.shape, ", "), entry.dtype));
  }
  return entry;
}

/// The format has every byte of the data in exactly one array.
void check_tiling(const std::string& path, const Entries& entries, std::uint64_t data_bytes) {
  std::vector<const Entries::value_type*> in_order;
  for (const auto& entry : entries) in_order.push_back(&entry);
  std::ranges::stable_sort(in_order, {}, [](const auto* each) {
    return std::pair(each->second.begin, each->second.end);
  });
  std::uint64_t covered = 0;
  for (const auto* each : in_order) {
    if (each->second.begin != covered) {
      damaged(path, fmt::format("the array {} starts at byte {} of the data, where those before it "
                                "end at {}",
                                quoted(each->first), each->second.begin, covered));
    }
    covered = each->second.end;
  }
  if (covered != data_bytes) {
    damaged(path,
            fmt::format("it has {} bytes of data, and its arrays end at {}", data_bytes, covered));
  }
}

Json parse_header(const std::string& path, const std::string& text) {
  try {
    Json header = parse_strict_json(text);
    if (header.is_object()) return header;
  } catch (const Error& error) {
    damaged(path, fmt::format("its header: {}", error.what()));
  }
  damaged(path, "its header is no JSON object");
}

Entries entries_from(const std::string& path, const std::string& header, std::uint64_t data_bytes) {
  const Json objects = parse_header(path, header);
  Entries entries;
  for (const auto& [name, object] : objects.items()) {
    if (name == metadata_key) continue;
    try {
      entries.emplace(name, entry_from(object, data_bytes));
    } catch (const Error& error) {
      damaged(path, fmt::format("the array {} {}", quoted(name), error.what()));
    }
  }
  check_tiling(path, entries, data_bytes);
  return entries;
}

}  // namespace

struct Safetensors::Impl {
  std::string path;
  Entries entries;
  std::uint64_t data_begins = 0;
};

Safetensors::Safetensors(const std::string& path) {
  std::error_code unreadable;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, unreadable);
  std::ifstream file(path, std::ios::binary);
  if (unreadable || !file) refuse(Status::storage, path, "it cannot be opened for reading");

  std::uint64_t header_bytes = 0;
  if (!file.read(reinterpret_cast<char*>(&header_bytes), prefix_bytes)) {
    damaged(path, fmt::format("it has {} bytes", file_bytes));
  }
  if (header_bytes > max_header_bytes || header_bytes > file_bytes - prefix_bytes) {
    damaged(path, fmt::format("it says that its header has {} bytes, and the file has {}",
                              header_bytes, file_bytes));
  }
  std::string header(header_bytes, '\0');
  if (!file.read(header.data(), static_cast<std::streamsize>(header_bytes))) {
    damaged(path, "its header cannot be read");
  }
  const std::uint64_t data_begins = prefix_bytes + header_bytes;
  impl_ = std::make_shared<const Impl>(
      Impl{.path = path,
           .entries = entries_from(path, header, file_bytes - data_begins),
           .data_begins = data_begins});
}

std::vector<std::string> Safetensors::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : impl_->entries) names.push_back(name);
  return names;
}

Tensor Safetensors::read(const std::string& name) const {
  const std::string& path = impl_->path;
  const auto found = impl_->entries.find(name);
  if (found == impl_->entries.end()) {
    std::vector<std::string> there;
    for (const std::string& each : names()) there.push_back(quoted(each));
    refuse(Status::invalid, path,
           fmt::format("it has no array named {}; its arrays are: {}", quoted(name),
                       listed(std::move(there))));
  }
  const Entry& entry = found->second;
  const std::optional<DType> dtype = dtype_of(entry.dtype);
  if (!dtype || entry.shape.size() > Shape::max_rank) {
    refuse(Status::invalid, path,
           fmt::format("its array {} is of {} in {} dimensions; F32, F16 and BF16 in at most {} "
                       "are read",
                       quoted(name), quoted(entry.dtype), entry.shape.size(), Shape::max_rank));
  }
  const std::uint64_t bytes = entry.end - entry.begin;
  const std::shared_ptr<std::byte[]> data = std::make_shared_for_overwrite<std::byte[]>(bytes);
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(impl_->data_begins + entry.begin));
  if (!file.read(reinterpret_cast<char*>(data.get()), static_cast<std::streamsize>(bytes))) {
    refuse(Status::storage, path, fmt::format("its array {} cannot be read", quoted(name)));
  }
  return {.data = data, .dtype = *dtype, .shape = Shape(entry.shape), .device = "cpu"};
}

}  // namespace convtune
