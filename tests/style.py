"""House rules that a machine can check. The last line is "N passed, N failed"."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = {"meson.build", "meson_options.txt", "README.md", "LICENSE", "sipcore", "control",
       "dataplane", "conf", "tests", "perf"}
SEES = {  # what the files of a room may include of the house
    "sipcore/": ("sipcore/",),
    "control/link/": ("control/link/", "sipcore/"),
    "control/": ("control/", "sipcore/"),
    "dataplane/program/": ("dataplane/", "control/", "sipcore/"),
    "dataplane/": ("dataplane/", "control/link/", "sipcore/"),
}


def tracked():
    text = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                          cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in text.splitlines() if os.path.exists(os.path.join(ROOT, name))]


def lines_of(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read().splitlines()


def source(name):
    return name.endswith((".cc", ".h", ".c"))


def top_level(files):
    return [f"{top}: does not belong at the top level"
            for top in sorted({f.split("/")[0] for f in files})
            if top not in TOP and not top.startswith(".")]


def one_arrow(files):
    wrong = []
    for name in files:
        room = next((r for r in SEES if name.startswith(r)), None)
        if room is None or not source(name):
            continue
        for number, line in enumerate(lines_of(name), 1):
            found = re.match(r'#include "([^"]+)"', line)
            if found and not found.group(1).startswith(SEES[room]):
                wrong.append(f"{name}:{number}: {found.group(1)} is against the arrow")
            if "#include <rte_" in line and not name.startswith("dataplane/io/dpdk_"):
                wrong.append(f"{name}:{number}: only dataplane/io/dpdk_* may know DPDK")
    return wrong


def commands_are_described(files):
    """Each command of tandemctl stands in its manual page and in the completion."""
    text = "\n".join(lines_of("control/program/tandemctl.cc"))
    commands = re.findall(r'add_subcommand\(\s*"(\w+)"', text)
    wrong = [] if len(commands) > 15 else [f"tandemctl.cc: {len(commands)} commands found"]
    for name in ("conf/tandemctl.1", "conf/tandemctl.bash"):
        words = set(re.findall(r"\w+", "\n".join(lines_of(name))))
        wrong += [f"{name}: no {command}" for command in commands if command not in words]
    return wrong


def file_length(files):
    return [f"{name}: {len(lines_of(name))} lines, at most 400"
            for name in files if source(name) and not name.startswith("tests/")
            and len(lines_of(name)) > 400]


def line_length(files):
    return [f"{name}:{number}: {len(line)} columns, at most 100"
            for name in files if source(name) or name.endswith(".py")
            for number, line in enumerate(lines_of(name), 1) if len(line) > 100]


def function_length(files):
    """A function begins at a line in the first columns that opens a brace and ends at "}"."""
    wrong = []
    for name in files:
        if not source(name) or name.startswith("tests/"):
            continue
        start = None
        for number, line in enumerate(lines_of(name), 1):
            if re.match(r"[A-Za-z].*\) (const )?\{$", line):
                start = number
            elif line == "}" and start is not None:
                if number - start > 70:
                    wrong.append(f"{name}:{start}: {number - start} lines, at most 70")
                start = None
    return wrong


def formatted(files):
    done = subprocess.run(["clang-format", "--dry-run", "-Werror",
                           *[f for f in files if f.endswith((".cc", ".h"))]],
                          cwd=ROOT, capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if "error:" in line]


def test_beside_code(files):
    """Nothing in a test may hide a race behind a sleep."""
    return [f"{name}: sleeps" for name in files
            if name.startswith("tests/") and name.endswith("_test.cc")
            and "sleep_for" in "\n".join(lines_of(name))]


def main():
    files = tracked()
    checks = [top_level, one_arrow, commands_are_described, file_length, line_length,
              function_length, formatted, test_beside_code]
    failed = 0
    for check in checks:
        wrong = check(files)
        failed += bool(wrong)
        for line in wrong:
            print(line)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
