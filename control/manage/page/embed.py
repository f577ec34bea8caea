#!/usr/bin/env python3
"""Writes the files of the page as a C++ source: embed.py OUTPUT FILE..."""
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8"}


def main():
    output, *files = sys.argv[1:]
    lines = ['#include "control/manage/page.h"', "", "namespace control::manage {", "namespace {",
             "const PageFile kAll[] = {"]
    for path in files:
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if ')page"' in text:
            sys.exit(f"{path} holds the end of a C++ text")
        url = "/" if name == "index.html" else f"/{name}"
        kind = TYPES[os.path.splitext(name)[1]]
        lines.append(f'    {{"{url}", "{kind}", R"page({text})page"}},')
    lines += ["};", "}  // namespace", "const std::span<const PageFile> kPageFiles = kAll;",
              "}  // namespace control::manage", ""]
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    main()
