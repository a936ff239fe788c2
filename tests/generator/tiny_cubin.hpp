#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace convtune {

/// The smallest ELF file with one kernel: section names, .symtab, .strtab and .nv.info. Its entry
/// point leads to a text of the caller's, which ends with a NUL.
class TinyCubin {
 public:
  explicit TinyCubin(const std::string& text = "") {
    using namespace std::string_literals;
    bytes_.resize(sizeof(Elf64_Ehdr));
    const std::uint64_t entry = append(text + '\0');
    const std::uint64_t names = append("\0.shstrtab\0.symtab\0.strtab\0.nv.info\0"s);
    const std::uint64_t strings = append("\0other\0convtune_kernel\0"s);
    Elf64_Sym symbols[3] = {};
    symbols[1].st_name = 1;
    symbols[2].st_name = 7;
    const std::uint64_t symtab = append({reinterpret_cast<char*>(symbols), sizeof symbols});
    info_ =
        append(std::string("\x03\x1b\xff\x00"  // no payload: the size is the value
                           "\x04\x2f\x08\x00\x01\x00\x00\x00\x63\x00\x00\x00"  // other: 99
                           "\x04\x2f\x08\x00\x02\x00\x00\x00\x28\x00\x00\x00"  // ours: 40
                           "\x04\x11\x08\x00\x02\x00\x00\x00\x10\x00\x00\x00",
                           40));
    Elf64_Ehdr header = {};
    header.e_entry = entry;
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_shnum = 4;
    header.e_shoff = bytes_.size();
    section(1, names, 38);
    section(11, symtab, sizeof symbols);
    section(19, strings, 23);
    section(27, info_, 40);
    std::memcpy(bytes_.data(), &header, sizeof header);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::uint64_t append(const std::string& part) {
    const std::uint64_t at = bytes_.size();
    bytes_ += part;
    return at;
  }
  void section(unsigned name, std::uint64_t offset, std::uint64_t size) {
    Elf64_Shdr header = {};
    header.sh_name = name;
    header.sh_offset = offset;
    header.sh_size = size;
    append({reinterpret_cast<char*>(&header), sizeof header});
  }

  std::string bytes_;
  std::uint64_t info_ = 0;
};

}  // namespace convtune
