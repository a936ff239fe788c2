// replay CORPUS: lets every target read its folder of the corpus, the beginnings of each file, and
// copies with random damage. The seed is fixed: what crashes once crashes again.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "tests/fault_count.hpp"
#include "tests/fuzz/targets.hpp"

namespace {

using convtune::fuzz::feed;
using convtune::fuzz::Target;

constexpr int most_changes = 4;
constexpr std::size_t most_beginnings = 200;

/// Changes a byte, removes some, or repeats some elsewhere.
void damage(std::string& bytes, std::mt19937& random) {
  if (bytes.empty()) return;
  const std::size_t at = random() % bytes.size();
  const std::size_t count = 1 + random() % 16;
  constexpr std::string_view telling = "0123456789-.e\"{}[],:\n";
  switch (random() % 4) {
    case 0:
      bytes[at] = static_cast<char>(random());
      break;
    case 1:
      bytes[at] = telling[random() % telling.size()];
      break;
    case 2:
      bytes.erase(at, count);
      break;
    default:
      bytes.insert(random() % bytes.size(), bytes.substr(at, count));
  }
}

void replay(const Target& target, const std::string& bytes) {
  feed(target, bytes);
  const std::size_t step = 1 + bytes.size() / most_beginnings;
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    feed(target, std::string_view(bytes).substr(0, size));
  }
  std::mt19937 random(1);
  for (int copies = convtune::fault_count(300, 30'000); copies > 0; --copies) {
    std::string damaged = bytes;
    for (int change = 1 + static_cast<int>(random() % most_changes); change > 0; --change) {
      damage(damaged, random);
    }
    feed(target, damaged);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("Usage: replay CORPUS\n", stderr);
    return 2;
  }
  int files = 0;
  for (const Target& target : convtune::fuzz::targets()) {
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(argv[1]) / target.name)) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes(std::istreambuf_iterator<char>(file), {});
      std::printf("%s\n", entry.path().c_str());
      std::fflush(stdout);  // names the file that a crash is about
      replay(target, bytes);
      ++files;
    }
  }
  std::printf("seen: %d files of the corpus, their beginnings and damaged copies: 0 crashes\n",
              files);
  return 0;
}
