#include "generator/cubin_cache.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/refusal.hpp"
#include "tests/temporary_folder.hpp"

namespace convtune {
namespace {

namespace fs = std::filesystem;

class CubinCacheTest : public testing::Test {
 protected:
  fs::path file_of(const std::string& key) const { return folder_ / (key + ".cubin"); }

  static std::string read(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
  const std::string key_ = std::string(32, 'a');
  const Compiled compiled_ = {.cubin = std::string("\x7f\x45\x4c\x46\0\n\xff cubin", 13),
                              .log =
                                  "0 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\n"
                                  "Used 40 registers, 16 bytes smem",
                              .resources = {40, 12, 0, 16},
                              .seconds = 0.5};
  const Source source_ = {
      .text = "extern \"C\" __global__ void convtune_kernel(int* y) { *y = 1; }",
      .headers = {},
      .digest = "1"};
};

TEST_F(CubinCacheTest, GivesBackWhatWasInserted) {
  const CubinCache cache(folder_);
  EXPECT_FALSE(cache.find(key_));
  cache.insert(key_, compiled_);
  const auto found = CubinCache(folder_).find(key_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->cubin, compiled_.cubin);
  EXPECT_EQ(found->log, compiled_.log);
  EXPECT_EQ(found->resources, compiled_.resources);
  EXPECT_EQ(found->seconds, 0);
}

TEST_F(CubinCacheTest, ForgetsWhatIsDamagedOrCutAnywhere) {
  const CubinCache cache(folder_);
  cache.insert(key_, compiled_);
  const std::string whole = read(file_of(key_));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    write(file_of(key_), damaged);
    EXPECT_FALSE(cache.find(key_)) << "byte " << i << " changed";
    write(file_of(key_), whole.substr(0, i));
    EXPECT_FALSE(cache.find(key_)) << "cut at " << i;
  }
  write(file_of(key_), whole + "x");
  EXPECT_FALSE(cache.find(key_)) << "one byte more";
  write(file_of(key_), whole);
  EXPECT_TRUE(cache.find(key_));
}

TEST_F(CubinCacheTest, ForgetsAnotherEntrysFile) {
  const CubinCache cache(folder_);
  cache.insert(key_, compiled_);
  const std::string other(32, 'b');
  fs::rename(file_of(key_), file_of(other));
  EXPECT_FALSE(cache.find(other));
  cache.insert(other, compiled_);
  EXPECT_TRUE(cache.find(other));
}

TEST_F(CubinCacheTest, LeavesNoTemporaryFile) {
  const CubinCache cache(folder_);
  cache.insert(key_, compiled_);
  fs::create_directory(file_of("blocked"));  // rename cannot replace a folder
  refusal([&] { cache.insert("blocked", compiled_); }, Status::storage);
  for (const auto& entry : fs::directory_iterator(folder_))
    EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
}

TEST_F(CubinCacheTest, SurvivesWritersOfTheSameEntry) {
  const CubinCache cache(folder_);
  cache.insert(key_, compiled_);
  std::vector<std::jthread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (int n = 0; n < 20; ++n) cache.insert(key_, compiled_);
    });
  }
  for (int n = 0; n < 200; ++n) ASSERT_TRUE(cache.find(key_));
}

TEST_F(CubinCacheTest, CreatesItsFolderForThisUserAlone) {
  const CubinCache cache(folder_ / "new" / "deep");
  cache.insert(key_, compiled_);
  EXPECT_EQ(fs::status(folder_ / "new" / "deep").permissions(), fs::perms::owner_all);
  for (const auto& entry : fs::directory_iterator(folder_ / "new" / "deep")) {
    EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write);
  }
}

TEST_F(CubinCacheTest, RefusesAFolderThatOthersMayWriteTo) {
  fs::permissions(folder_, fs::perms::group_write, fs::perm_options::add);
  EXPECT_THAT(refusal([&] { CubinCache cache(folder_); }, Status::storage),
              testing::HasSubstr("others may write to it"));
  fs::permissions(folder_, fs::perms::group_write, fs::perm_options::remove);
  const CubinCache cache(folder_);
}

TEST_F(CubinCacheTest, RefusesAFolderOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  constexpr unsigned nobody = 65534;
  ASSERT_EQ(chown(folder_.c_str(), nobody, nobody), 0);
  EXPECT_THAT(refusal([&] { CubinCache cache(folder_); }, Status::storage),
              testing::HasSubstr("it belongs to another user"));
}

TEST_F(CubinCacheTest, RefusesAFile) {
  write(folder_ / "file", "");
  refusal([&] { CubinCache cache(folder_ / "file"); }, Status::storage);
}

TEST_F(CubinCacheTest, RefusesASymbolicLink) {
  fs::create_directory(folder_ / "target");
  fs::create_directory_symlink(folder_ / "target", folder_ / "link");
  fs::create_directory_symlink(folder_ / "nowhere", folder_ / "dangling");
  for (const char* link : {"link", "link/", "dangling"}) {
    EXPECT_THAT(refusal([&] { CubinCache cache(folder_ / link); }, Status::storage),
                testing::HasSubstr("it is a symbolic link"))
        << link;
  }
}

TEST_F(CubinCacheTest, CompilesWithoutACacheThatIsRefused) {
  try {
    compiler_info();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  fs::create_directory(folder_ / "target");
  fs::create_directory_symlink(folder_ / "target", folder_ / "link");
  setenv("CONVTUNE_CACHE_DIR", (folder_ / "link").c_str(), 1);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(compile_cached(source_, "sm_90a").cubin.empty());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("it is a symbolic link"));
  EXPECT_TRUE(fs::is_empty(folder_ / "target"));
}

TEST_F(CubinCacheTest, FolderIsTheUsersChoiceThenXdgThenHome) {
  // Each test runs in a process of its own, so the environment may be changed.
  setenv("HOME", "/home/someone", 1);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("CONVTUNE_CACHE_DIR");
  EXPECT_EQ(default_cache_folder(), "/home/someone/.cache/convtune");
  setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(default_cache_folder(), "/xdg/convtune");
  setenv("CONVTUNE_CACHE_DIR", "/chosen", 1);
  EXPECT_EQ(default_cache_folder(), "/chosen");
  unsetenv("CONVTUNE_CACHE_DIR");
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  EXPECT_EQ(default_cache_folder(), "");
  setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(default_cache_folder(), "");
}

TEST_F(CubinCacheTest, CompilesOnceAndAgainWhatIsDamaged) {
  try {
    compiler_info();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const CubinCache cache(folder_);
  const Compiled first = compile_cached(source_, "sm_90a", &cache);
  EXPECT_GT(first.seconds, 0);
  EXPECT_EQ(compile_cached(source_, "sm_90a", &cache).seconds, 0);
  EXPECT_GT(compile_cached(source_, "sm_80", &cache).seconds, 0) << "another architecture";

  const fs::path file = file_of(cubin_key(source_, "sm_90a"));
  const std::string whole = read(file);
  write(file, whole.substr(0, whole.size() / 2));
  EXPECT_GT(compile_cached(source_, "sm_90a", &cache).seconds, 0);
  EXPECT_EQ(compile_cached(source_, "sm_90a", &cache).seconds, 0);
  EXPECT_EQ(compile_cached(source_, "sm_90a", &cache).cubin, first.cubin);
}

}  // namespace
}  // namespace convtune
