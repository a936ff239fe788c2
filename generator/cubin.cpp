#include "generator/cubin.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "kernels/error.hpp"

namespace convtune {
namespace {

// Attributes of .nv.info, as ptxas writes them: {format, attribute, size, payload}.
constexpr std::uint8_t format_sized = 4;
constexpr std::uint8_t attribute_frame_size = 0x11;
constexpr std::uint8_t attribute_registers = 0x2f;

// Nine digits at most: the log may come from a damaged file, and two of them may be added.
std::optional<int> number_in(const std::string& log, const char* pattern) {
  std::smatch match;
  if (!std::regex_search(log, match, std::regex(pattern))) return std::nullopt;
  return std::stoi(match[1]);
}

/// Bounds-checked reads of a file that may be damaged.
class ElfFile {
 public:
  explicit ElfFile(std::string_view bytes) : bytes_(bytes) {
    const auto header = read<Elf64_Ehdr>(0);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) fail("it is no ELF file");
    for (unsigned i = 0; i < header.e_shnum; ++i)
      sections_.push_back(read<Elf64_Shdr>(header.e_shoff + std::uint64_t{i} * sizeof(Elf64_Shdr)));
    if (header.e_shstrndx >= sections_.size()) fail("it has no section names");
    names_ = sections_[header.e_shstrndx];
  }

  template <class T>
  T read(std::uint64_t at) const {
    if (at > bytes_.size() || sizeof(T) > bytes_.size() - at) fail("it ends too early");
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }

  const Elf64_Shdr& section(std::string_view name) const {
    for (const Elf64_Shdr& each : sections_) {
      if (text(names_, each.sh_name) == name) return each;
    }
    fail(fmt::format("it has no section {}", name));
  }

  std::string_view symbol_name(std::uint32_t index) const {
    const Elf64_Shdr& symbols = section(".symtab");
    const auto symbol = read<Elf64_Sym>(symbols.sh_offset + index * sizeof(Elf64_Sym));
    return text(section(".strtab"), symbol.st_name);
  }

  [[noreturn]] static void fail(const std::string& why) {
    throw Error(Status::failed, "the cubin cannot be read: " + why);
  }

 private:
  std::string_view text(const Elf64_Shdr& strings, std::uint64_t offset) const {
    const std::uint64_t at = strings.sh_offset + offset;
    if (at >= bytes_.size()) fail("a name lies outside it");
    const std::string_view rest = bytes_.substr(at);
    return rest.substr(0, rest.find('\0'));
  }

  std::string_view bytes_;
  std::vector<Elf64_Shdr> sections_;
  Elf64_Shdr names_ = {};
};

}  // namespace

Resources resources_from_log(std::string_view text) {
  const std::string log(text);
  const auto registers = number_in(log, R"(\bUsed (\d{1,9}) registers)");
  const auto stack = number_in(log, R"(\b(\d{1,9}) bytes stack frame)");
  const auto stores = number_in(log, R"(\b(\d{1,9}) bytes spill stores)");
  const auto loads = number_in(log, R"(\b(\d{1,9}) bytes spill loads)");
  if (!registers || !stack || !stores || !loads)
    throw Error(Status::failed, "the compiler's log does not tell registers and spills: " + log);
  return {.registers = *registers,
          .spill_bytes = *stores + *loads,
          .stack_bytes = *stack,
          .shared_bytes = number_in(log, R"(\b(\d{1,9}) bytes smem)").value_or(0)};
}

CubinInfo read_cubin(std::string_view cubin, std::string_view symbol) {
  const ElfFile file(cubin);
  const Elf64_Shdr& info = file.section(".nv.info");
  CubinInfo result;
  const std::uint64_t end = info.sh_offset + info.sh_size;
  for (std::uint64_t at = info.sh_offset; at + 4 <= end;) {
    const auto format = file.read<std::uint8_t>(at);
    const auto attribute = file.read<std::uint8_t>(at + 1);
    const auto size = file.read<std::uint16_t>(at + 2);
    at += 4;
    if (format != format_sized) continue;  // the value took the place of the size
    const bool wanted = attribute == attribute_registers || attribute == attribute_frame_size;
    if (wanted && file.symbol_name(file.read<std::uint32_t>(at)) == symbol) {
      const int value = static_cast<int>(file.read<std::uint32_t>(at + 4));
      (attribute == attribute_registers ? result.registers : result.frame_bytes) = value;
    }
    at += size;
  }
  if (result.registers == 0) ElfFile::fail(fmt::format("it has no kernel {}", symbol));
  return result;
}

}  // namespace convtune
