#include "generator/cubin.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using namespace std::string_literals;

TEST(ResourcesFromLog, AreThoseOfPtxas) {
  const Resources resources = resources_from_log(
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function 'convtune_kernel' for 'sm_75'\n"
      "ptxas info    : Function properties for convtune_kernel\n"
      "ptxas         .     40 bytes stack frame, 36 bytes spill stores, 44 bytes spill loads\n"
      "ptxas info    : Used 115 registers, used 1 barriers, 40 bytes cumulative stack size, "
      "2048 bytes smem, 456 bytes cmem[0]\n");
  EXPECT_EQ(resources, (Resources{115, 80, 40, 2048}));
}

TEST(ResourcesFromLog, MustBeThere) {
  refusal([] { resources_from_log(""); }, Status::failed);
  refusal([] { resources_from_log("Used 3 registers"); }, Status::failed);
}

/// The smallest ELF file with one kernel: section names, .symtab, .strtab and .nv.info.
class TinyCubin {
 public:
  TinyCubin() {
    bytes_.resize(sizeof(Elf64_Ehdr));
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

TEST(Cubin, TellsTheKernelsRegistersAndFrame) {
  const CubinInfo info = read_cubin(TinyCubin().bytes(), "convtune_kernel");
  EXPECT_EQ(info.registers, 40);
  EXPECT_EQ(info.frame_bytes, 16);
  EXPECT_EQ(read_cubin(TinyCubin().bytes(), "other").registers, 99);
}

TEST(Cubin, RefusesWhatIsNone) {
  refusal([] { read_cubin("", "convtune_kernel"); }, Status::failed);
  refusal([] { read_cubin(std::string(4096, 'x'), "convtune_kernel"); }, Status::failed);
  refusal([] { read_cubin(TinyCubin().bytes(), "third"); }, Status::failed);
}

TEST(Cubin, CutOrDamagedAnywhereIsRefusedOrReadNeverACrash) {
  const std::string whole = TinyCubin().bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    refusal([&] { read_cubin(whole.substr(0, i), "convtune_kernel"); }, Status::failed);
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
    try {
      read_cubin(damaged, "convtune_kernel");
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::failed);
    }
  }
}

}  // namespace
}  // namespace convtune
