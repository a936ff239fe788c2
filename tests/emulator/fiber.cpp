#include "tests/emulator/fiber.hpp"

#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>
#include <new>
#include <utility>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace convtune::emulator {
namespace {

// Boost's public fiber unwinds what it drops. A thread that is given up in the middle of a kernel
// cannot be unwound through instrumented code, hence the layer below.
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr std::size_t page = 4096;
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t stack_size = 512 * 1024;  // frames grow by their red zones
#else
constexpr std::size_t stack_size = 128 * 1024;
#endif

}  // namespace

struct Fiber::Switch {
  Fiber* from;
  Fiber* to;
};

/// A guard page, then a stack. Each OS thread keeps its stacks for the next launch: asking the
/// kernel for hundreds of them costs more than many a launch does.
class Fiber::Stack {
 public:
  static std::unique_ptr<Stack> take() {
    if (spare.empty()) return std::make_unique<Stack>();
    std::unique_ptr<Stack> stack = std::move(spare.back());
    spare.pop_back();
    return stack;
  }
  static void give_back(std::unique_ptr<Stack> stack) { spare.push_back(std::move(stack)); }

  Stack()
      : mapping_(static_cast<char*>(mmap(nullptr, page + stack_size, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (mapping_ == MAP_FAILED) throw std::bad_alloc();
    mprotect(mapping_, page, PROT_NONE);
  }
  ~Stack() { munmap(mapping_, page + stack_size); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  char* bottom() const { return mapping_ + page; }
  char* top() const { return bottom() + stack_size; }
  /// Makes it usable again after whatever was left in the middle of running on it.
  void forget() const {
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(bottom(), stack_size);
#endif
  }

 private:
  static thread_local std::vector<std::unique_ptr<Stack>> spare;
  char* mapping_;
};

thread_local std::vector<std::unique_ptr<Fiber::Stack>> Fiber::Stack::spare;

Fiber::Fiber() = default;

Fiber::Fiber(void (*body)(void*), void* argument)
    : body_(body), argument_(argument), memory_(Stack::take()) {
  stack_ = memory_->bottom();
  stack_bytes_ = stack_size;
#ifdef __SANITIZE_THREAD__
  tsan_fiber_ = __tsan_create_fiber(0);
#endif
  restart();
}

Fiber::~Fiber() {
  if (memory_ == nullptr) return;
#ifdef __SANITIZE_THREAD__
  __tsan_destroy_fiber(tsan_fiber_);
#endif
  memory_->forget();
  Stack::give_back(std::move(memory_));
}

void Fiber::restart() {
  memory_->forget();
  fake_stack_ = nullptr;
  context_ = make_fcontext(memory_->top(), stack_size, [](transfer_t transfer) {
    const auto& arrival = *static_cast<Switch*>(transfer.data);
    Fiber& self = *arrival.to;
    self.arrive(arrival, transfer.fctx);
    self.body_(self.argument_);
  });
}

void Fiber::switch_to(Fiber& next) {
  Switch departure{this, &next};
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&fake_stack_, next.stack_, next.stack_bytes_);
#endif
#ifdef __SANITIZE_THREAD__
  if (tsan_fiber_ == nullptr) tsan_fiber_ = __tsan_get_current_fiber();  // the OS thread itself
  __tsan_switch_to_fiber(next.tsan_fiber_, 0);
#endif
  const transfer_t transfer = jump_fcontext(next.context_, &departure);
  arrive(*static_cast<Switch*>(transfer.data), transfer.fctx);
}

// What this fiber finds out on its arrival about the one that was left for it.
void Fiber::arrive(const Switch& from, void* left_at) {
  from.from->context_ = left_at;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fake_stack_, &from.from->stack_, &from.from->stack_bytes_);
#endif
}

}  // namespace convtune::emulator
