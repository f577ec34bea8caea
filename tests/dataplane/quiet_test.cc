// Once it is warm, a worker allocates nothing and asks nothing of the system, whatever message
// comes: the first allocation and the first system call fail a test.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

#include "dataplane/io/unmap_wait.h"
#include "tests/dataplane/call_fixture.h"

namespace {

thread_local bool watched = false;
thread_local size_t allocations = 0;  // while watched

}  // namespace

// Every allocation of the program comes by here. Not in line, where the compiler would see malloc
// and delete side by side and object.
[[gnu::noinline]] void* operator new(size_t size) {
  if (watched) ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new(size_t size, std::align_val_t alignment) {
  if (watched) ++allocations;
  size_t step = static_cast<size_t>(alignment);
  void* memory = std::aligned_alloc(step, (size + step - 1) / step * step);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace tests {
namespace {

// From here on any system call but the one that ends it kills this process with SIGSYS.
void forbid_system_calls() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  sock_fprog all = {std::size(program), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) != 0) {
    _exit(99);
  }
}

// How a copy of this process ends that does the job without system calls.
template <class Job>
int status_without_system_calls(Job job) {
  pid_t child = fork();
  if (child == 0) {
    forbid_system_calls();
    job();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

struct Quiet : CallTest {
  void work() {
    while (!node.port(0).to_worker.empty()) node.poll_worker(0, now);
    for (int turn = 0; turn < 8; ++turn) node.poll_worker(0, now);  // timers
  }
  // The worker takes these in under watch, in this process and in one without system calls.
  std::vector<Datagram> watch(const std::string& what, const std::vector<Datagram>& in) {
    for (const Datagram& one : in) node.deliver(one);
    int status = status_without_system_calls([&] { work(); });
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << what << (WIFSIGNALED(status) ? ": killed by signal " : ": ended with ")
        << (WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    allocations = 0;
    watched = true;
    work();
    watched = false;
    EXPECT_EQ(allocations, 0u) << what;
    return node.settle(now);
  }
  std::vector<Datagram> watch_caller(const std::string& what, const std::string& bytes) {
    return watch(what, {{kCaller, kTandem, bytes}});
  }

  // A call with everything that may happen in it; `name` makes its messages unlike others.
  void call(const std::string& name) {
    RequestText request;
    request.call_id = name;
    request.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK" + name;
    auto out = watch_caller("INVITE", text_of(request));
    ASSERT_EQ(out.size(), 2u);
    Datagram asked = out[1];
    EXPECT_EQ(watch_caller("INVITE again", text_of(request)).size(), 1u);
    for (int status : {180, 200}) {
      out = watch("response", {{asked.to, kTandem, response_to(asked.bytes, status, "bob")}});
      ASSERT_EQ(out.size(), 1u);
    }
    for (const char* method : {"ACK", "INFO", "BYE"}) {
      RequestText later = in_dialog(method, asked, method[0] == 'A' ? 1 : 2);
      later.call_id = name;
      later.via = request.via + method;
      out = watch_caller(method, text_of(later));
      ASSERT_EQ(out.size(), 1u) << method;
      if (method[0] == 'A') continue;
      out = watch("200", {{asked.to, kTandem, response_to(out[0].bytes, 200, "bob")}});
      ASSERT_EQ(out.size(), 1u);
      EXPECT_EQ(watch_caller("again", text_of(later)).size(), 1u);
    }
  }
  void failed_call(const std::string& name) {
    RequestText request;
    request.call_id = name;
    request.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK" + name;
    Datagram first = watch_caller("INVITE", text_of(request)).at(1);
    auto out = watch("503", {{first.to, kTandem, response_to(first.bytes, 503, "bob")}});
    ASSERT_EQ(out.size(), 2u);  // our ACK, and the INVITE for the next destination
    Datagram next = method_of(out[0].bytes) == "INVITE" ? out[0] : out[1];
    out = watch("486", {{next.to, kTandem, response_to(next.bytes, 486, "bob")}});
    EXPECT_EQ(out.size(), 2u);
    now += 500;
    EXPECT_EQ(watch("timer G", {}).size(), 1u);
  }
  void nonsense(const std::string& name) {
    RequestText request;
    request.call_id = name;
    request.method = "OPTIONS";
    for (const char* uri : {"sip:198.18.0.1", "sip:bob@b;lr?x=y", "urn:x"}) {
      request.uri = uri;
      watch_caller("OPTIONS", text_of(request));
    }
    request.via = "SIP/2.0/UDP ;;";
    for (const std::string& bytes : {std::string("\r\n\r\n"), std::string("GET / HTTP/1.1\r\n\r\n"),
                                     text_of(request), std::string(1400, 'x')}) {
      watch_caller("nonsense", bytes);
    }
    watch("stale", {{backend(0), kTandem,
                     "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.18.0.1;branch=z9hG4bKt" +
                         std::string(50, '0') + "\r\n\r\n"}});
  }
  void time_passes() {
    for (int step = 0; step < 400; ++step) {
      now += 100;
      if (step % 50 == 0) watch("time", {});
      node.settle(now);
    }
    EXPECT_EQ(node.transactions(), 0u);
  }
};

TEST_F(Quiet, NoAllocationAndNoSystemCallOnceItIsWarm) {
  // Warm: what the first messages touch is there, the rings of the test port have been long.
  for (int i = 0; i < 600; ++i) node.deliver({kCaller, kTandem, "\r\n\r\n"});
  for (int i = 0; i < 600; ++i) {
    RequestText request;
    request.method = "OPTIONS";
    request.uri = "sip:198.18.0.1";
    node.deliver({kCaller, kTandem, text_of(request)});
  }
  node.settle(now);
  for (int round = 0; round < 2; ++round) {
    call("call" + std::to_string(round));
    failed_call("failed" + std::to_string(round));
    nonsense("nonsense" + std::to_string(round));
    time_passes();
  }
}

// The watch sees what it is there to see.
TEST_F(Quiet, TheFirstAllocationAndTheFirstSystemCallAreNoticed) {
  int status = status_without_system_calls([] { syscall(SYS_getppid); });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
  watched = true;
  delete new std::string(100, 'x');
  watched = false;
  EXPECT_GT(allocations, 0u);
}

thread_local bool drives = false;

// Only the thread on which drivers unmap waits for the workers, and no longer than they need.
TEST(UnmapWait, DriversWaitForATurnOfEachWorker) {
  control::link::Quiescence workers(2);
  workers.pass(0);
  workers.pass(1);
  std::atomic<int> called = 0;
  auto unmap = [&called](bool driver, std::atomic<bool>& done) {
    return std::thread([driver, &called, &done] {
      drives = driver;
      void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      unsigned char there = 0;
      ASSERT_EQ(mincore(page, 4096, &there), 0);
      ++called;
      EXPECT_EQ(munmap(page, 4096), 0);
      EXPECT_TRUE(mincore(page, 4096, &there) == -1 && errno == ENOMEM) << "still there";
      done = true;
    });
  };
  std::atomic<bool> driver_done = false, other_done = false, late_done = false;
  auto wait = std::make_unique<dataplane::UnmapWait>(workers, [] { return drives; });
  std::thread driver = unmap(true, driver_done);
  unmap(false, other_done).join();
  EXPECT_TRUE(other_done);
  workers.pass(0);
  while (called < 2) std::this_thread::yield();
  for (int i = 0; i < 10000; ++i) std::this_thread::yield();
  EXPECT_FALSE(driver_done);
  while (!driver_done) {
    workers.pass(0);
    workers.pass(1);
  }
  driver.join();
  std::thread late = unmap(true, late_done);
  while (called < 3) std::this_thread::yield();
  wait.reset();  // the workers have ended
  late.join();
  EXPECT_TRUE(late_done);
}

}  // namespace
}  // namespace tests
