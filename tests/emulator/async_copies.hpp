#pragma once

#include <deque>
#include <vector>

namespace convtune::emulator {

struct Block;

/// Each thread's copies from global to shared memory that it has not waited for.
class AsyncCopies {
 public:
  explicit AsyncCopies(unsigned threads) : threads_(threads) {}

  /// Forgets the copies that no thread waited for.
  void reset(Block& block);

  // For the running thread.
  void start(Block& block, unsigned to, const void* from, unsigned bytes, unsigned valid);
  void commit();
  void wait(Block& block, unsigned pending);

 private:
  struct Copy {
    char* to;
    const void* from;
    unsigned bytes;
    unsigned valid;
    bool landed;
  };
  using Group = std::vector<Copy>;
  struct Thread {
    Group open;
    std::deque<Group> groups;
  };
  static void land(const Copy& copy);
  static void end(Block& block, unsigned agent, const Group& group);

  std::vector<Thread> threads_;
};

}  // namespace convtune::emulator
