#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "generator/compiler.hpp"

namespace convtune {

/// Compiled kernels in one compressed file, for machines that cannot compile. Entries have keys as
/// those of the cache, but for the compiler's version, which such a machine does not have: the file
/// says it once. May be used by several threads.
class CubinPack {
 public:
  /// Reads the index. Throws Error{storage} for a file that cannot be read, or whose beginning is
  /// not that of a pack, whole and undamaged.
  explicit CubinPack(std::filesystem::path file);
  ~CubinPack();
  CubinPack(const CubinPack&) = delete;
  CubinPack& operator=(const CubinPack&) = delete;

  const std::filesystem::path& file() const { return file_; }
  const std::string& compiler() const { return compiler_; }  ///< version: "13.0"
  bool contains(const std::string& key) const { return places_.contains(key); }
  std::vector<std::string> keys() const;

  /// The entry of `key`; nothing if there is none, or what lies there is not that entry.
  std::optional<Compiled> find(const std::string& key) const;

 private:
  /// Where a block of entries lies in the file, compressed as one frame.
  struct Block {
    std::uint64_t begin = 0;
    std::uint64_t bytes = 0;
    std::uint64_t unpacked_bytes = 0;
  };
  struct Place {
    std::size_t block = 0;
    std::uint64_t begin = 0;  ///< in the unpacked block
    std::uint64_t bytes = 0;
  };
  struct Unpacked;
  std::filesystem::path file_;
  std::string compiler_;
  std::vector<Block> blocks_;
  std::map<std::string, Place> places_;
  std::unique_ptr<Unpacked> unpacked_;  ///< the block read last: neighbours are asked for in turn
};

/// Writes a pack of kernels, by key; neighbours in the list that resemble each other make it small.
/// It is published as publish() says, for readers as usual. Throws Error{storage}.
void write_pack(const std::filesystem::path& file, const std::string& compiler,
                const std::vector<std::pair<std::string, Compiled>>& entries);

/// What decides a cubin but for the compiler: unit and headers, architecture and options.
std::string pack_key(const Source& source, std::string_view arch);

/// $CONVTUNE_PACK, opened once; null if it is not set. Throws as the constructor does.
const CubinPack* default_pack();

}  // namespace convtune
