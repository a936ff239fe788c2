#pragma once

#include <array>
#include <deque>
#include <vector>

#include "tests/emulator/primitives.hpp"
#include "tests/emulator/race_detector.hpp"
#include "tests/emulator/together.hpp"

namespace convtune::emulator {

struct Block;

/// The matrix units of the warpgroups, whose products run on their own until they are waited for.
class Warpgroups {
 public:
  static constexpr unsigned size = 128;

  /// To the race detector, each warpgroup's matrix unit is an asynchronous unit.
  Warpgroups(unsigned threads, unsigned first_unit)
      : threads_(threads), first_unit_(first_unit), together_(size, "warpgroup") {}
  unsigned end_unit() const { return first_unit_ + (threads_ + size - 1) / size; }

  void reset();
  bool any_running() const;

  // For the running thread.
  void fence(Block& block, std::initializer_list<Registers> registers, Location at);
  void multiply(Block& block, const WarpgroupProduct& product, float* sums,
                const unsigned* a_registers, Location at);
  void commit(Block& block, Location at);
  void wait(Block& block, unsigned pending, Location at);
  void change_registers(Block& block, Location at);

 private:
  struct Started {
    WarpgroupProduct product = {};
    bool a_in_registers = false;
    std::array<std::array<unsigned, 4>, size> a = {};
    std::array<float*, size> sums = {};
    RaceDetector::Clock moment = 0;
    bool done = false;
  };
  using Products = std::vector<Started>;
  /// An array that a thread named at its fence, and what it held then.
  struct Fenced {
    const char* first;
    std::vector<char> contents;
  };
  struct Unit {
    bool fenced = false;
    std::array<std::vector<Fenced>, size> registers = {};
    Products open = {};
    std::deque<Products> groups = {};
  };
  /// What one thread brings to a product.
  struct Part {
    const WarpgroupProduct& product;
    float* sums;
    const unsigned* a;
  };
  static const Fenced* find(const std::vector<Fenced>& all, const void* registers);
  void expect_fenced(Block& block, const Part& part, unsigned rank);
  template <class Member>
  Started start(Block& block, Member member);
  void run_until_now(Block& block);
  static void run(Block& block, Started& started);
  Unit& unit() { return units_[running.thread / size]; }

  unsigned threads_;
  unsigned first_unit_;
  Together together_;
  std::vector<Unit> units_;
};

}  // namespace convtune::emulator
