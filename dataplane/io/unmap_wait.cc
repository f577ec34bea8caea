#include "dataplane/io/unmap_wait.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace dataplane {
namespace {

using control::link::Quiescence;

constexpr int kMostMs = 5000;  // a worker that takes longer for a turn is lost anyway

std::atomic<UnmapWait::OnDriver> on_driver{nullptr};
std::atomic<Quiescence*> workers{nullptr};
std::atomic<int> waiting{0};

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

UnmapWait::UnmapWait(Quiescence& all, OnDriver driver) {
  workers.store(&all);
  on_driver.store(driver);
}

UnmapWait::~UnmapWait() {
  on_driver.store(nullptr);
  workers.store(nullptr);
  while (waiting.load() > 0) std::this_thread::yield();
}

}  // namespace dataplane

extern "C" int munmap(void* address, size_t size) noexcept {
  auto asks = dataplane::on_driver.load();
  if (asks != nullptr && asks()) dataplane::wait_for_workers();
  return static_cast<int>(syscall(SYS_munmap, address, size));
}
