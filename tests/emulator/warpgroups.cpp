#include "tests/emulator/warpgroups.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "tests/emulator/block.hpp"
#include "tests/emulator/matrix.hpp"
#include "tests/emulator/operand.hpp"

namespace convtune::emulator {
namespace {

constexpr unsigned rows = 64;

Operand a_of(const WarpgroupProduct& p) { return {p.dtype, rows, p.a_mn_major, p.a}; }
Operand b_of(const WarpgroupProduct& p) { return {p.dtype, p.n, p.b_mn_major, p.b}; }

/// A thread's sums, or registers of A, lie in the 16 rows of its warp.
Place in_warpgroup(Place place, unsigned rank) {
  return {place.row + rank / 32 * 16, place.column};
}

std::vector<unsigned> members() {
  std::vector<unsigned> threads(Warpgroups::size);
  std::iota(threads.begin(), threads.end(), running.agent - running.thread % Warpgroups::size);
  return threads;
}

void note_reads(Block& block, unsigned unit, const Operand& operand) {
  for (const unsigned address : chunk_addresses(block, operand)) {
    const char* const chunk = shared_bytes(block, address, 16);
    block.races->read(unit, *block.shared.offset(chunk, 16), 16);
  }
}

}  // namespace

void Warpgroups::reset() {
  together_.reset(threads_);
  units_.assign((threads_ + size - 1) / size, {});
}

bool Warpgroups::any_running() const {
  return std::ranges::any_of(
      units_, [](const Unit& unit) { return !unit.open.empty() || !unit.groups.empty(); });
}

void Warpgroups::fence(Block& block, std::initializer_list<Registers> registers, Location at) {
  std::vector<Fenced>& mine = unit().registers[running.thread % size];
  mine.clear();
  for (const Registers& array : registers) {
    const auto* first = static_cast<const char*>(array.data);
    mine.push_back({first, {first, first + array.bytes}});
  }
  char nothing = 0;
  together_.execute(block, "for the warpgroup's fence", nothing, at,
                    [&](auto) { unit().fenced = true; });
}

const Warpgroups::Fenced* Warpgroups::find(const std::vector<Fenced>& all, const void* registers) {
  const auto* first = static_cast<const char*>(registers);
  const auto has = [first](const Fenced& array) {
    return std::greater_equal<>()(first, array.first) &&
           std::less<>()(first, array.first + array.contents.size());
  };
  const auto found = std::ranges::find_if(all, has);
  return found == all.end() ? nullptr : &*found;
}

// Products change the sums, as they may, but nothing may change A.
void Warpgroups::expect_fenced(Block& block, const Part& part, unsigned rank) {
  if (!unit().fenced)
    block.scheduler.fail("wgmma without a wgmma_fence since the products before were committed");
  const std::vector<Fenced>& all = unit().registers[rank];
  if (find(all, part.sums) == nullptr)
    block.scheduler.fail("wgmma adds to sums that its wgmma_fence does not name");
  if (part.a == nullptr) return;
  const Fenced* const array = find(all, part.a);
  if (array == nullptr)
    block.scheduler.fail("wgmma reads registers of A that its wgmma_fence does not name");
  const auto* first = reinterpret_cast<const char*>(part.a);
  if (!std::equal(first, first + 4 * sizeof *part.a,
                  array->contents.data() + (first - array->first)))
    block.scheduler.fail("wgmma reads registers of A written behind its wgmma_fence");
}

void Warpgroups::multiply(Block& block, const WarpgroupProduct& product, float* sums,
                          const unsigned* a_registers, Location at) {
  Part mine = {product, sums, a_registers};
  together_.execute(block, "for the warpgroup's wgmma", mine, at, [&](auto member) {
    for (unsigned rank = 0; rank < size; ++rank) expect_fenced(block, member(rank), rank);
    unit().open.push_back(start(block, member));
    if (block.scheduler.lands_early()) run_until_now(block);
  });
}

template <class Member>
Warpgroups::Started Warpgroups::start(Block& block, Member member) {
  Started started = {.product = member(0).product, .a_in_registers = member(0).a != nullptr};
  for (unsigned rank = 0; rank < size; ++rank) {
    const Part& part = member(rank);
    if (part.product != started.product)
      block.scheduler.fail("the threads of a warpgroup multiply different operands");
    started.sums[rank] = part.sums;
    if (started.a_in_registers) std::copy_n(part.a, 4, started.a[rank].begin());
  }
  if (block.races) {
    const unsigned agent = first_unit_ + running.thread / size;
    started.moment = block.races->issue(agent, members());
    if (!started.a_in_registers) note_reads(block, agent, a_of(started.product));
    note_reads(block, agent, b_of(started.product));
  }
  return started;
}

// In the order they were started: that of the sums.
void Warpgroups::run_until_now(Block& block) {
  for (Products& group : unit().groups) {
    for (Started& started : group) run(block, started);
  }
  for (Started& started : unit().open) run(block, started);
}

void Warpgroups::run(Block& block, Started& started) {
  if (std::exchange(started.done, true)) return;
  const WarpgroupProduct& p = started.product;
  const unsigned k = depth(p.dtype);
  const unsigned element = p.dtype == DType::float32 ? 4 : 2;
  std::vector<float> a(rows * k), b(k * p.n), d(rows * p.n);
  if (!started.a_in_registers) a = load_operand(block, a_of(p));
  for (unsigned rank = 0; rank < size; ++rank) {
    const auto* registers = reinterpret_cast<const char*>(started.a[rank].data());
    for (unsigned i = 0; started.a_in_registers && i < 16 / element; ++i) {
      const Place place = in_warpgroup(place_in_a(p.dtype, rank % 32, i), rank);
      a[place.row * k + place.column] = matrix_element(p.dtype, registers + i * element);
    }
    for (unsigned i = 0; i < p.n / 2; ++i) {
      const Place place = in_warpgroup(place_in_d(rank % 32, i), rank);
      d[place.row * p.n + place.column] = started.sums[rank][i];
    }
  }
  const std::vector<float> b_rows = load_operand(block, b_of(p));
  for (unsigned i = 0; i < p.n * k; ++i) b[i % k * p.n + i / k] = b_rows[i];
  multiply_add_matrices(rows, p.n, k, a.data(), b.data(), d.data());
  for (unsigned rank = 0; rank < size; ++rank) {
    for (unsigned i = 0; i < p.n / 2; ++i) {
      const Place place = in_warpgroup(place_in_d(rank % 32, i), rank);
      started.sums[rank][i] = d[place.row * p.n + place.column];
    }
  }
}

void Warpgroups::commit(Block& block, Location at) {
  char nothing = 0;
  together_.execute(block, "for the warpgroup's commit", nothing, at, [&](auto) {
    unit().groups.push_back(std::exchange(unit().open, {}));
    unit().fenced = false;
  });
}

void Warpgroups::wait(Block& block, unsigned pending, Location at) {
  char nothing = 0;
  together_.execute(block, "for the warpgroup's products", nothing, at, [&](auto) {
    std::deque<Products>& groups = unit().groups;
    for (; groups.size() > pending; groups.pop_front()) {
      for (Started& started : groups.front()) {
        run(block, started);
        if (!block.races) continue;
        for (const unsigned thread : members())
          block.races->learn(thread, first_unit_ + running.thread / size, started.moment);
      }
    }
  });
}

void Warpgroups::change_registers(Block& block, Location at) {
  char nothing = 0;
  together_.execute(block, "for the warpgroup to change its registers", nothing, at, [](auto) {});
}

void fence_warpgroup(std::initializer_list<Registers> registers, Location at) {
  current_block->warpgroups.fence(*current_block, registers, at);
}
void multiply_warpgroup(const WarpgroupProduct& product, float* sums, const unsigned* a_registers,
                        Location at) {
  current_block->warpgroups.multiply(*current_block, product, sums, a_registers, at);
}
void commit_products(Location at) { current_block->warpgroups.commit(*current_block, at); }
void wait_for_products(unsigned pending, Location at) {
  current_block->warpgroups.wait(*current_block, pending, at);
}
void change_registers(Location at) {
  current_block->warpgroups.change_registers(*current_block, at);
}

}  // namespace convtune::emulator
