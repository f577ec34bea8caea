#include "dataplane/io/unmap_wait.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string_view>
#include <thread>

namespace dataplane {
namespace {

using control::link::Quiescence;

constexpr int kMostMs = 5000;  // a worker that takes longer for a turn is lost anyway

std::atomic<Quiescence*> workers{nullptr};
std::atomic<int> waiting{0};

// That of DPDK to 23.11 has the first name, that of later ones the second.
bool is_interrupt_thread() {
  static thread_local int known = 0;  // 1: it is, 2: it is not
  if (known == 0) {
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    std::string_view text(name);
    known = text == "eal-intr-thread" || text == "dpdk-intr" ? 1 : 2;
  }
  return known == 1;
}

void wait_for_workers() {
  waiting.fetch_add(1);
  if (Quiescence* all = workers.load()) {
    uint64_t turn = all->next_turn();
    for (int ms = 0; ms < kMostMs && workers.load() != nullptr && !all->have_begun(turn); ++ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  waiting.fetch_sub(1);
}

}  // namespace

UnmapWait::UnmapWait(Quiescence& all) { workers.store(&all); }

UnmapWait::~UnmapWait() {
  workers.store(nullptr);
  while (waiting.load() > 0) std::this_thread::yield();
}

}  // namespace dataplane

extern "C" int munmap(void* address, size_t size) noexcept {
  if (dataplane::is_interrupt_thread()) dataplane::wait_for_workers();
  return static_cast<int>(syscall(SYS_munmap, address, size));
}
