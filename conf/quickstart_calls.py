"""The calls of the quick start: Tandem, two SIPp backends, one SIPp caller, a table at the end."""
import argparse
import csv
import os
import shutil
import subprocess
import sys
import time

import lab_tools
import sipp_scenario

BUILD = f"{lab_tools.ROOT}/build-release"
FOLDER = "/run/tandem-lab/quickstart"


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def set_up_times_ms():
    """SIPp's -trace_rtt file: date;response time in ms;name of the timer."""
    times = []
    for name in os.listdir(FOLDER):
        if name.endswith("_rtt.csv") and name.startswith("caller"):
            with open(f"{FOLDER}/{name}", encoding="ascii") as file:
                times += [float(row[1]) for row in csv.reader(file, delimiter=";")
                          if len(row) > 2 and row[1].replace(".", "").isdigit()]
    return times


def start_tandem():
    for port in ("af_xdp", "af_packet"):
        tandem = lab_tools.Tandem(BUILD, FOLDER, port=port)
        try:
            tandem.start()
        except (RuntimeError, TimeoutError) as error:
            tandem.stop()
            if port == "af_packet":
                raise
            print(f"af_xdp does not work here ({str(error).splitlines()[-1]}); using af_packet")
            continue
        print(f"Tandem runs in tandem-lb on {port}:eth0, udp 198.18.0.1:5060")
        if "--no-huge" in tandem.log_text():
            print("hugepages are not to be had: Tandem runs on ordinary memory (--no-huge)")
        return tandem
    return None


def run_calls(calls, rate):
    caller = lab_tools.Sipp("ua", sipp_scenario.simple_call(), FOLDER, "caller", arguments=(
        "-m", str(calls), "-r", str(rate), "-l", str(20 * rate + 100), "-trace_rtt", "-rtt_freq",
        "1", "-timeout", f"{calls // rate + 60}s", "198.18.0.1:5060")).start()
    shown = -1
    while caller.process.poll() is None:
        time.sleep(0.25)
        created, completed, failed = caller.counts()
        if completed != shown and sys.stdout.isatty():
            print(f"\rcalls: {created} begun, {completed} completed, {failed} failed ", end="",
                  flush=True)
            shown = completed
    created, completed, failed = caller.counts()
    print(f"\rcalls: {created} begun, {completed} completed, {failed} failed ")
    return caller


def print_table(tandem, caller, calls):
    """True: every call that was asked for has completed."""
    created, completed, failed = caller.counts()
    times = set_up_times_ms()
    print(f"\n{'backend':<24}{'calls':>8}{'answered':>10}{'failed':>8}")
    for one in tandem.destinations():
        print(f"{one['URI']:<24}{one['CALLS']:>8}{one['ANSWERED']:>10}{one['FAILED']:>8}")
    print(f"call set-up time: p50 {percentile(times, 0.5):.1f} ms, "
          f"p99 {percentile(times, 0.99):.1f} ms")
    lost = created - completed - failed
    print(f"calls={created} completed={completed} failed={failed} lost={lost}")
    return completed == created == calls and caller.process.returncode == 0


def print_keep():
    print(f"""
It goes on running. To look at it:
  {BUILD}/control/tandemctl -s {FOLDER}/tandem.sock list
  {BUILD}/control/tandemctl -s {FOLDER}/tandem.sock stats
  ip netns exec tandem-ua sipp -sf {FOLDER}/caller.xml -m 10 198.18.0.1:5060 -i 198.18.0.10
To end it: conf/quickstart --down""")


def main():
    parser = argparse.ArgumentParser(prog="conf/quickstart")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=100, help="calls per second")
    parser.add_argument("--keep", action="store_true", help="leave it running")
    parser.add_argument("--down", action="store_true", help="end what --keep left")
    options = parser.parse_args()
    if options.calls < 1 or options.rate < 1:
        parser.error("--calls and --rate are at least 1")
    if options.down:
        lab_tools.lab("down")
        return 0
    lab_tools.end_on_signals()
    keep = False
    try:
        lab_tools.lab("up")
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(FOLDER)
        tandem = start_tandem()
        for host in ("b1", "b2"):
            lab_tools.Sipp(host, sipp_scenario.simple_callee(), FOLDER, host).start()
            lab_tools.wait_for_port(host)
        caller = run_calls(options.calls, options.rate)
        good = print_table(tandem, caller, options.calls)
        if not good:
            print(f"{options.calls} calls were to be made\n{caller.error_text()}", file=sys.stderr)
        if tandem.process.poll() is not None:
            raise RuntimeError("Tandem has ended:\n" + tandem.log_text())
        keep = options.keep
        if keep:
            print_keep()
        return 0 if good else 1
    finally:
        if not keep:
            lab_tools.lab("down")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, TimeoutError, subprocess.CalledProcessError) as fault:
        print(f"quick start: {fault}", file=sys.stderr)
        sys.exit(1)
