// SPDX-License-Identifier: MIT
#include "tests/simt/core/context.h"

#include <simt/location.h>
#include <sys/mman.h>

#include <cstdlib>
#include <vector>

#include "tests/simt/core/sanitizers.h"

#ifdef VAE_SIMT_WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;  // pages never touched cost nothing
constexpr std::size_t kGuardBytes = 4096;        // an overflow faults

// One OS thread at a time runs kernels (launch.cpp holds a lock), so plain variables do.
Context* g_running = nullptr;
Context* g_previous = nullptr;
std::vector<unsigned char*> g_free_stacks;
std::vector<unsigned char*> g_used_stacks;  // until retire_contexts
std::vector<void*> g_free_fibers;
std::vector<void*> g_used_fibers;  // until retire_contexts

unsigned char* take_stack() {
  if (!g_free_stacks.empty()) {
    unsigned char* stack = g_free_stacks.back();
    g_free_stacks.pop_back();
    return stack;
  }
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw Error("simt: no memory for the stacks of CUDA threads");
  mprotect(memory, kGuardBytes, PROT_NONE);
  return static_cast<unsigned char*>(memory) + kGuardBytes;
}

#ifdef VAE_SIMT_WITH_TSAN
void* g_host_fiber = nullptr;
void* g_running_fiber = nullptr;

void* take_fiber() {
  constexpr std::size_t kMost = 7000;  // of 8128, some of them the program's own threads
  if (!g_free_fibers.empty()) {
    void* fiber = g_free_fibers.back();
    g_free_fibers.pop_back();
    return fiber;
  }
  if (g_used_fibers.size() >= kMost) {
    throw Error("simt: too many CUDA threads at once for the thread sanitizer; use a smaller grid");
  }
  // A new fiber knows what its maker knows, so the host makes them all.
  __tsan_switch_to_fiber(g_host_fiber, __tsan_switch_to_fiber_no_sync);
  void* fiber = __tsan_create_fiber(0);
  __tsan_switch_to_fiber(g_running_fiber, __tsan_switch_to_fiber_no_sync);
  return fiber;
}
#endif

}  // namespace

// ---- the switch ---------------------------------------------------------------------------------

#ifndef VAE_SIMT_UCONTEXT
// Saves what a function must keep and the stack pointer to *save, and returns on the stack `to`. A
// jump instead of `ret`, whose target the processor would predict wrong every time. The section is
// pushed and popped because the compiler does not expect it to change.
extern "C" void simt_switch_stacks(void** save, void* to);
asm(R"(
  .pushsection .text
  .p2align 4
  .globl simt_switch_stacks
  .type simt_switch_stacks, @function
simt_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmpq *%rcx
  .size simt_switch_stacks, . - simt_switch_stacks
  .popsection
)");
#endif

void context_main() {
  g_running->finish_switch();
  g_running->entry_();
  std::abort();
}

void Context::prepare(void (*entry)()) {
  entry_ = entry;
  stack_ = take_stack();
  stack_bytes_ = kStackBytes;
  asan_stack_ = nullptr;
#ifdef VAE_SIMT_WITH_TSAN
  tsan_fiber_ = take_fiber();
#endif
#ifdef VAE_SIMT_UCONTEXT
  getcontext(&saved_);
  saved_.uc_stack.ss_sp = stack_;
  saved_.uc_stack.ss_size = stack_bytes_;
  saved_.uc_link = nullptr;
  makecontext(&saved_, context_main, 0);
#else
  void** top = reinterpret_cast<void**>(stack_ + stack_bytes_);
  *--top = nullptr;  // a return address: at its entry a function expects rsp % 16 == 8
  *--top = reinterpret_cast<void*>(&context_main);
  for (int i = 0; i < 6; ++i) *--top = nullptr;  // the registers that the switch pops
  saved_ = top;
#endif
}

void Context::set_name([[maybe_unused]] const std::string& name) {
#ifdef VAE_SIMT_WITH_TSAN
  __tsan_set_fiber_name(tsan_fiber_, name.c_str());
#endif
}

void Context::release([[maybe_unused]] bool unwound) {
  if (stack_ == nullptr) return;
#ifdef VAE_SIMT_WITH_ASAN
  if (unwound) __asan_unpoison_memory_region(stack_, stack_bytes_);
#endif
  (kRaceDetector ? g_used_stacks : g_free_stacks).push_back(stack_);
  if (tsan_fiber_ != nullptr) g_used_fibers.push_back(tsan_fiber_);
  stack_ = nullptr;
  tsan_fiber_ = nullptr;
}

void Context::finish_switch() {
#ifdef VAE_SIMT_WITH_ASAN
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(asan_stack_, &bottom, &bytes);
  if (g_previous->entry_ == nullptr) {  // an adopted flow: now its stack is known
    g_previous->stack_ = static_cast<unsigned char*>(const_cast<void*>(bottom));
    g_previous->stack_bytes_ = bytes;
  }
#endif
}

void adopt_running(Context& context) {
  context = Context();
  g_running = &context;
#ifdef VAE_SIMT_WITH_TSAN
  context.tsan_fiber_ = g_host_fiber = g_running_fiber = __tsan_get_current_fiber();
#endif
}

void switch_context(Context& from, Context& to, [[maybe_unused]] bool from_ends) {
  g_previous = &from;
  g_running = &to;
#ifdef VAE_SIMT_WITH_ASAN
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &from.asan_stack_, to.stack_,
                                 to.stack_bytes_);
#endif
#ifdef VAE_SIMT_WITH_TSAN
  if (from_ends) {  // the fiber will serve another CUDA thread
    for (; from.quiet_ > 0; --from.quiet_) AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  }
  g_running_fiber = to.tsan_fiber_;
  __tsan_switch_to_fiber(g_running_fiber, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef VAE_SIMT_UCONTEXT
  swapcontext(&from.saved_, &to.saved_);
#else
  simt_switch_stacks(&from.saved_, to.saved_);
#endif
  from.finish_switch();
}

void retire_contexts() {
  g_free_stacks.insert(g_free_stacks.end(), g_used_stacks.begin(), g_used_stacks.end());
  g_used_stacks.clear();
  g_free_fibers.insert(g_free_fibers.end(), g_used_fibers.begin(), g_used_fibers.end());
  g_used_fibers.clear();
}

std::size_t contexts_to_retire() { return g_used_fibers.size(); }

// ---- OrderCarrier -------------------------------------------------------------------------------

#ifdef VAE_SIMT_WITH_TSAN
void OrderCarrier::carry(const void* from, const void* to) {
  if (tsan_fiber_ == nullptr) tsan_fiber_ = take_fiber();
  __tsan_switch_to_fiber(tsan_fiber_, __tsan_switch_to_fiber_no_sync);
  simt::acquire(from);
  simt::release(to);
  __tsan_switch_to_fiber(g_running_fiber, __tsan_switch_to_fiber_no_sync);
}
void OrderCarrier::release() {
  if (tsan_fiber_ != nullptr) g_used_fibers.push_back(tsan_fiber_);
  tsan_fiber_ = nullptr;
}
// The first report ends the process: the racing lines of a kernel may run thousands of times. If it
// shall go on (TSAN_OPTIONS=halt_on_error=0), reports of the same lines in two launches are two.
// The shortest history of accesses is long for a CUDA thread, and halves the memory of thousands.
// At the end there is nothing to wait for: CUDA threads do not outlive their launch.
extern "C" const char* __tsan_default_options() {
  return "halt_on_error=1:suppress_equal_stacks=0:history_size=0:atexit_sleep_ms=0";
}
#else
void OrderCarrier::carry(const void*, const void*) {}
void OrderCarrier::release() {}
#endif

// ---- Quiet --------------------------------------------------------------------------------------

#ifdef VAE_SIMT_WITH_TSAN
Quiet::Quiet() {
  AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  if (g_running != nullptr) ++g_running->quiet_;
}
Quiet::~Quiet() {
  AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  if (g_running != nullptr) --g_running->quiet_;
}
#else
Quiet::Quiet() = default;
Quiet::~Quiet() = default;
#endif

}  // namespace simt
