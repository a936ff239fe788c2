#include "generator/cubin_pack.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zstd.h>

#include <fstream>
#include <mutex>
#include <sstream>

#include "generator/cubin_entry.hpp"
#include "generator/publish.hpp"
#include "kernels/digest.hpp"
#include "kernels/environment.hpp"
#include "kernels/error.hpp"

namespace convtune {

namespace fs = std::filesystem;

struct CubinPack::Unpacked {
  std::mutex mutex;
  std::size_t block = SIZE_MAX;
  std::string bytes;
};

namespace {

constexpr std::string_view magic = "convtune-pack-1";
// Cubins of one kernel template share most of their bytes, so a block holds many; one is unpacked
// in about 10 ms.
constexpr std::size_t block_bytes = std::size_t{8} << 20;
constexpr std::uint64_t most_block_bytes = std::uint64_t{1} << 30;
constexpr int compression_level = 19;

[[noreturn]] void fail(const fs::path& file, std::string_view why,
                       std::string_view remedy = "write one with convtune compile --pack") {
  throw Error(Status::storage, fmt::format("the pack {}: {}; {}", file.string(), why, remedy));
}

std::string compress(const std::string& bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), compression_level);
  if (ZSTD_isError(size) != 0)
    throw Error(Status::failed, fmt::format("zstd failed: {}", ZSTD_getErrorName(size)));
  packed.resize(size);
  return packed;
}

/// Nothing if `packed` is not the frame of that many bytes.
std::optional<std::string> decompress(const std::string& packed, std::uint64_t bytes) {
  std::string unpacked(bytes, '\0');
  const std::size_t size =
      ZSTD_decompress(unpacked.data(), unpacked.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0 || size != bytes) return std::nullopt;
  return unpacked;
}

}  // namespace

// A line with the compiler, the index' size and its digest, then the index: a line a block and a
// line an entry, and then the blocks.
CubinPack::CubinPack(fs::path file)
    : file_(std::move(file)), unpacked_(std::make_unique<Unpacked>()) {
  std::ifstream in(file_, std::ios::binary);
  if (!in) fail(file_, "it cannot be read", "name a file that convtune compile --pack wrote");
  std::error_code error;
  const std::uint64_t file_bytes = fs::file_size(file_, error);
  std::string found_magic, index_digest;
  std::uint64_t index_bytes = 0;
  in >> found_magic >> compiler_ >> index_bytes >> index_digest;
  if (!in || found_magic != magic || in.get() != '\n' || error || index_bytes > file_bytes)
    fail(file_, "it is no pack of this version");
  std::string index(index_bytes, '\0');
  if (!in.read(index.data(), static_cast<std::streamsize>(index_bytes)) ||
      digest(compiler_ + index) != index_digest)
    fail(file_, "its index is damaged");
  auto begin = static_cast<std::uint64_t>(in.tellg());
  std::istringstream lines(index);
  for (std::string kind; lines >> kind;) {
    if (kind == "block") {
      Block block{.begin = begin};
      lines >> block.bytes >> block.unpacked_bytes;
      if (block.bytes > file_bytes - begin) fail(file_, "it ends too early");
      begin += block.bytes;
      blocks_.push_back(block);
    } else {
      if (blocks_.empty()) fail(file_, "its index is damaged: an entry is in no block");
      Place place{.block = blocks_.size() - 1};
      lines >> place.begin >> place.bytes;
      places_.emplace(kind, place);
    }
  }
}

CubinPack::~CubinPack() = default;

std::vector<std::string> CubinPack::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, place] : places_) keys.push_back(key);
  return keys;
}

std::optional<Compiled> CubinPack::find(const std::string& key) const {
  const auto found = places_.find(key);
  if (found == places_.end()) return std::nullopt;
  const Place& place = found->second;
  const std::lock_guard lock(unpacked_->mutex);
  if (unpacked_->block != place.block) {
    const Block& block = blocks_.at(place.block);
    std::ifstream in(file_, std::ios::binary);
    std::string packed(std::min(block.bytes, most_block_bytes), '\0');
    in.seekg(static_cast<std::streamoff>(block.begin));
    if (!in.read(packed.data(), static_cast<std::streamsize>(packed.size()))) return std::nullopt;
    auto bytes = decompress(packed, std::min(block.unpacked_bytes, most_block_bytes));
    if (!bytes) return std::nullopt;
    unpacked_->bytes = *std::move(bytes);
    unpacked_->block = place.block;
  }
  const std::string_view block = unpacked_->bytes;
  if (place.begin > block.size()) return std::nullopt;
  return parse_entry(block.substr(place.begin, place.bytes), key);
}

void write_pack(const fs::path& file, const std::string& compiler,
                const std::vector<std::pair<std::string, Compiled>>& entries) {
  std::string index, blocks, block, lines;
  const auto close_block = [&] {
    if (block.empty()) return;
    const std::string packed = compress(block);
    index += fmt::format("block {} {}\n{}", packed.size(), block.size(), lines);
    blocks += packed;
    block.clear();
    lines.clear();
  };
  for (const auto& [key, compiled] : entries) {
    const std::string entry = entry_text(key, compiled);
    lines += fmt::format("{} {} {}\n", key, block.size(), entry.size());
    block += entry;
    if (block.size() >= block_bytes) close_block();
  }
  close_block();
  publish(file,
          fmt::format("{} {} {} {}\n{}{}", magic, compiler, index.size(), digest(compiler + index),
                      index, blocks),
          Readers::as_usual);
}

std::string pack_key(const Source& source, std::string_view arch) {
  return digest(
      fmt::format("{}\n{}\n{}", source.digest, arch, fmt::join(compile_options(arch), "\n")));
}

const CubinPack* default_pack() {
  static const std::unique_ptr<const CubinPack> pack = []() -> std::unique_ptr<const CubinPack> {
    const auto file = environment("CONVTUNE_PACK");
    return file ? std::make_unique<const CubinPack>(*file) : nullptr;
  }();
  return pack.get();
}

}  // namespace convtune
