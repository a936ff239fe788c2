#pragma once

#include <array>
#include <functional>
#include <vector>

#include "tests/emulator/running.hpp"

namespace convtune::emulator {

struct Block;

/// The operations that threads execute together: a warp's 32, or a warpgroup's 128.
class Together {
 public:
  Together(unsigned size, const char* name) : size_(size), name_(name) {}

  void reset(unsigned threads) { groups_.assign((threads + size_ - 1) / size_, {}); }

  /// Waits for all members at operation `what`; the last calls execute(members' arguments, by rank)
  /// for all of them.
  template <class Argument, class Execute>
  void execute(Block& block, const char* what, Argument& argument, Location at, Execute execute) {
    const Members* members = arrive(block, what, &argument, at);
    if (members == nullptr) return;
    execute([members](unsigned rank) -> Argument& {
      return *static_cast<Argument*>((*members)[rank]);
    });
    release(block);
  }

 private:
  using Members = std::vector<void*>;
  struct Group {
    unsigned arrived = 0;
    unsigned first = 0;  ///< thread that arrived first
    const char* what = "";
    Location at = {};
    Members members = {};
  };
  /// For the last to arrive, all arguments; for the others, once they are released, nothing.
  const Members* arrive(Block& block, const char* what, void* argument, Location at);
  void release(Block& block);

  unsigned size_;
  const char* name_;
  std::vector<Group> groups_;
};

}  // namespace convtune::emulator
