#include "generator/cubin_pack.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "generator/cubin_cache.hpp"
#include "kernels/digest.hpp"
#include "tests/refusal.hpp"
#include "tests/temporary_folder.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

class CubinPackTest : public testing::Test {
 protected:
  static std::string read(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  /// A kernel whose bytes do not compress.
  static Compiled kernel(unsigned seed, std::size_t bytes) {
    std::mt19937 random(seed);
    Compiled made{.log =
                      "0 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\n"
                      "Used 40 registers, 16 bytes smem"};
    for (std::size_t i = 0; i < bytes; ++i) made.cubin += static_cast<char>(random());
    return made;
  }
  static std::string key(unsigned i) { return std::string(31, 'a') + std::to_string(i); }

  const TemporaryFolder folder_;
  const fs::path file_ = folder_ / "kernels.pack";
  const Source source_ = {
      .text = "extern \"C\" __global__ void convtune_kernel(int* y) { *y = 1; }",
      .headers = {},
      .digest = "1"};
};

TEST_F(CubinPackTest, GivesBackWhatWasWrittenInEveryBlock) {
  std::vector<std::pair<std::string, Compiled>> entries;
  for (unsigned i = 0; i < 5; ++i) {
    entries.emplace_back(key(i), kernel(i, 1000 + i));
    entries.back().second.cubin.append(5 << 20, '\0');  // two fill a block
  }
  write_pack(file_, "13.0", entries);
  const CubinPack pack(file_);
  EXPECT_EQ(pack.compiler(), "13.0");
  EXPECT_EQ(pack.keys().size(), entries.size());
  for (const unsigned i : {3, 0, 4, 1, 2}) {
    const auto found = pack.find(key(i));
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(found->cubin, entries[i].second.cubin);
    EXPECT_EQ(found->log, entries[i].second.log);
    EXPECT_EQ(found->resources, (Resources{40, 12, 0, 16}));
    EXPECT_EQ(found->seconds, 0);
  }
  EXPECT_FALSE(pack.contains(key(5)));
  EXPECT_FALSE(pack.find(key(5)));
}

TEST_F(CubinPackTest, IsSmallWhereKernelsAreAlike) {
  std::vector<std::pair<std::string, Compiled>> entries;
  for (unsigned i = 0; i < 50; ++i) {
    entries.emplace_back(key(i), kernel(1, 30'000));
    entries.back().second.cubin[i] = 'x';
  }
  write_pack(file_, "13.0", entries);
  EXPECT_LT(fs::file_size(file_), 2 * 30'000U);
}

TEST_F(CubinPackTest, GivesNoKernelOtherThanWhatWasWrittenWhateverIsDamaged) {
  const std::vector<std::pair<std::string, Compiled>> entries = {{key(0), kernel(0, 60)},
                                                                 {key(1), kernel(1, 70)}};
  write_pack(file_, "13.0", entries);
  const std::string whole = read(file_);
  const auto look = [&](const std::string& bytes, const std::string& what) {
    write(file_, bytes);
    std::size_t found = 0;
    try {
      const CubinPack pack(file_);
      for (const auto& [name, compiled] : entries) {
        const auto kernel = pack.find(name);
        if (!kernel) continue;
        ++found;
        EXPECT_EQ(kernel->cubin, compiled.cubin) << what;
        EXPECT_EQ(kernel->log, compiled.log) << what;
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::storage) << what;
    }
    return found;
  };
  EXPECT_EQ(look(whole, "whole"), 2U);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    look(damaged, "byte " + std::to_string(i) + " changed");
    EXPECT_EQ(look(whole.substr(0, i), "cut at " + std::to_string(i)), 0U);
  }
}

TEST_F(CubinPackTest, IsReadByWhomTheUmaskLeavesAndKeepsTheModeThatItWasGiven) {
  const mode_t umask_before = umask(0027);
  write_pack(file_, "13.0", {});
  umask(umask_before);
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms(0640));
  fs::permissions(file_, fs::perms(0604));
  write_pack(file_, "13.0", {{key(0), kernel(0, 60)}});
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms(0604));
}

TEST_F(CubinPackTest, RefusesWhatIsNoPack) {
  refusal([&] { CubinPack pack(file_); }, Status::storage);
  write(file_, "convtune-pack-2 13.0 0 x\n");
  EXPECT_THAT(refusal([&] { CubinPack pack(file_); }, Status::storage),
              HasSubstr("no pack of this version"));
}

TEST_F(CubinPackTest, RefusesAnIndexThatMakesNoSenseInSpiteOfItsDigest) {
  const auto with_index = [&](const std::string& index) {
    write(file_, fmt::format("convtune-pack-1 13.0 {} {}\n{}", index.size(), digest("13.0" + index),
                             index));
    return refusal([&] { CubinPack pack(file_); }, Status::storage);
  };
  EXPECT_THAT(with_index("key 0 10\n"), HasSubstr("an entry is in no block"));
  EXPECT_THAT(with_index("block 18446744073709551615 1\n"), HasSubstr("ends too early"));
}

/// What needs no compiler, in a process that has none: one loads NVRTC and its pack once, and the
/// environment is that of all tests.
class WithoutCompilerTest : public CubinPackTest {
 protected:
  template <typename Checks>
  void expect_in_new_process(Checks&& checks) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto check_and_end = [&] {
      setenv("CONVTUNE_NVRTC", "/nowhere/libnvrtc.so", 1);
      setenv("CONVTUNE_CACHE_DIR", (folder_ / "cache").c_str(), 1);
      setenv("CONVTUNE_PACK", file_.c_str(), 1);
      checks();
      fs::remove_all(folder_.path());  // which that process made for itself
      std::exit(HasFailure() ? 1 : 0);
    };
    EXPECT_EXIT(check_and_end(), testing::ExitedWithCode(0), "");
  }
};

TEST_F(WithoutCompilerTest, KeyDependsOnUnitAndArchitecture) {
  expect_in_new_process([&] {
    Source other = source_;
    other.digest = "2";
    EXPECT_EQ(pack_key(source_, "sm_90a"), pack_key(source_, "sm_90a"));
    EXPECT_NE(pack_key(source_, "sm_90a"), pack_key(source_, "sm_80"));
    EXPECT_NE(pack_key(source_, "sm_90a"), pack_key(other, "sm_90a"));
  });
}

TEST_F(WithoutCompilerTest, ThePackStandsIn) {
  expect_in_new_process([&] {
    const Compiled packed = kernel(1, 100);
    write_pack(file_, "12.9", {{pack_key(source_, "sm_90a"), packed}});
    EXPECT_EQ(compile_cached(source_, "sm_90a").cubin, packed.cubin);
    EXPECT_TRUE(is_obtainable(source_, "sm_90a"));
    EXPECT_EQ(kernel_compiler(), "12.9");
    EXPECT_FALSE(is_obtainable(source_, "sm_80"));
    EXPECT_THAT(refusal([&] { compile_cached(source_, "sm_80"); }, Status::failed),
                AllOf(HasSubstr(file_.string()), HasSubstr("NVRTC was not found")));
  });
}

}  // namespace
}  // namespace convtune
