// Which Tandem has an interface. Two on one would answer each packet twice.
#pragma once

#include <string>

namespace dataplane {

// Holds a kernel interface for this process; the kernel lets go when the process ends, however it
// ends. A name in the abstract socket space of the network namespace serves as the lock.
class InterfaceHold {
 public:
  InterfaceHold() = default;
  ~InterfaceHold();
  InterfaceHold(InterfaceHold&& other) noexcept;
  InterfaceHold& operator=(InterfaceHold&&) = delete;

  // A sentence when another process has it; empty: it is ours.
  std::string take(const std::string& interface);

 private:
  int socket_ = -1;
};

}  // namespace dataplane
