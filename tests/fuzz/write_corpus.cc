// Writes the bytes of the message cases as files: usage: write_corpus CASES OUT
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/cases.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::filesystem::create_directories(argv[2]);
  for (const tests::Case& one : tests::read_cases(argv[1])) {
    std::ofstream(std::string(argv[2]) + "/" + one.name, std::ios::binary) << one.message;
  }
}
