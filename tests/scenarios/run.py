"""SIPp scenarios through a real Tandem in the lab. Usage: run.py BUILD [--only NAME]
[--calls N] [--day-seconds N] [--link-seconds N]

Each scenario prints one line; the last line is "N passed, N failed".
"""
import argparse
import os
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "conf"))

import lab_tools  # noqa: E402
import sipp_scenario  # noqa: E402
import bad_night  # noqa: E402
import balance  # noqa: E402
import cases  # noqa: E402
import choices  # noqa: E402
import names  # noqa: E402
import rules  # noqa: E402
import shares  # noqa: E402
import steering  # noqa: E402
from checks import FOLDER, Failed, expect, with_tandem  # noqa: E402


def start_callees(callee_text, v6=False):
    """One on each backend; they listen when this returns."""
    callees = [lab_tools.Sipp(host, callee_text, FOLDER, host, v6=v6).start()
               for host in ("b1", "b2")]
    for host in ("b1", "b2"):
        lab_tools.wait_for_port(host)
    return callees


def run_flow(tandem, flow, v6, calls=10, rate=100, timeout=20, target=None):
    """Backends and caller for one flow; every call must complete. Returns the caller."""
    caller_text, callee_text = flow
    try:
        backends = start_callees(callee_text, v6)
        target = target or f"{lab_tools.bracketed(lab_tools.address('lb', v6))}:5060"
        caller = lab_tools.Sipp("ua", caller_text, FOLDER, "ua", v6=v6, arguments=(
            "-m", str(calls), "-r", str(rate), "-l", str(calls), target)).start()
        try:
            caller.wait(timeout)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"the caller did not end within {timeout} s: {caller.counts()}") from late
        created, completed, failed = caller.counts()
        expect(completed == calls, f"{completed} of {calls} calls completed, {failed} failed\n"
               + caller.error_text() + "".join(b.error_text() for b in backends))
        expect(tandem.process.poll() is None, "Tandem has ended")
        return caller
    finally:
        lab_tools.Sipp.stop_all()


def check_ping(v6):
    target = lab_tools.address("lb", v6)
    done = subprocess.run(lab_tools.in_namespace("ua", "ping", "-c", "3", "-i", "0.2", "-W", "2",
                                                 target), capture_output=True, text=True)
    expect(" 0% packet loss" in done.stdout, done.stdout + done.stderr)


def check_drained(tandem):
    """All packets have a name."""
    now = tandem.statistics()
    fates = sum(fates_of(tandem).values())
    expect(now["packets_in"] == fates, f"{now['packets_in']} packets in, {fates} fates")


def fates_of(tandem):
    lines = tandem.rpc("stats.get_statistics", ["fate:"])
    return {line.split(" = ")[0]: int(line.split(" = ")[1]) for line in lines}


def basic_flows(build, workers, v6, port="af_xdp", only=None):
    """One Tandem, all flows one after the other. Yields (name, error or None)."""
    tandem = lab_tools.Tandem(build, FOLDER, workers=workers, v6=v6, port=port)
    of_all = f"{'ipv6' if v6 else 'ipv4'} {port} workers={workers}"
    jobs = {f"{name} {of_all}": (lambda flow=flow: run_flow(tandem, flow, v6))
            for name, flow in cases.FLOWS.items()}
    jobs[f"ping {of_all}"] = lambda: check_ping(v6)
    jobs[f"every_packet_named {of_all}"] = lambda: check_drained(tandem)
    jobs = {name: job for name, job in jobs.items() if only is None or only in name}
    if not jobs:
        return
    failed = 0
    error = attempt(tandem.start)
    if error is not None:
        yield f"start {of_all}", error
        jobs = {}
    for name, job in jobs.items():
        if failed == 3:  # each takes half a minute to fail
            yield name, "not tried: three before it have failed"
            continue
        error = attempt(job)
        failed += error is not None
        yield name, error
    code = tandem.stop()
    if code != 0:
        yield f"clean end {of_all}", f"exit code {code}: {tandem.log_text()}"


def attempt(job):
    try:
        job()
        return None
    except (Failed, TimeoutError, RuntimeError, OSError, subprocess.SubprocessError) as fault:
        return str(fault) or repr(fault)
    finally:
        lab_tools.Sipp.stop_all()


def no_answer(build, v6=False, workers=1):
    def job(tandem):
        run_flow(tandem, cases.no_answer(), v6, calls=5)
        expect(tandem.statistics()["branch_timeouts"] >= 5, "no time-out was counted")
    with_tandem(build, job, v6=v6, workers=workers, extra="[timers]\nt1_ms = 50\n",
                group_extra="failover_after_ms = 500")


def no_answer_ipv6_two_workers(build):
    no_answer(build, v6=True, workers=2)


def packet_loss(build):
    """5 % of the packets lost each way, on the bridge between all hosts."""
    rules = ("add table bridge loss; "
             "add chain bridge loss wire { type filter hook forward priority 0; }; "
             "add rule bridge loss wire ether type ip udp dport 5060 numgen random mod 100 < 5 "
             "counter drop")

    def job(tandem):
        in_bridge = ["ip", "netns", "exec", "tandem-net", "nft"]
        subprocess.run(in_bridge + [rules], check=True)
        try:
            # The hold time lets a lost ACK be repaired by the repeated 200 before the BYE comes.
            # Not the 500 ms of our INVITE: SIPp takes an INVITE that is repeated in the moment in
            # which it repeats its 200 for another one, and ends the call.
            # It answers a repeated BYE for as long as it must (timer J, RFC 3261 17.2.2): after
            # four seconds one of 14,000 calls has not had its 200 yet.
            callee = sipp_scenario.simple_callee(retrans=700, timewait_ms=32000)
            flow = (sipp_scenario.simple_call(6000), callee)
            run_flow(tandem, flow, False, calls=1000, rate=100, timeout=150)
            table = subprocess.run(in_bridge + ["list table bridge loss"], capture_output=True,
                                   text=True, check=True).stdout
            dropped = int(table.split("counter packets ")[1].split()[0])
            expect(dropped > 200, f"only {dropped} packets were lost on the way")
            print(f"    {dropped} packets lost, every call completed")
        finally:
            subprocess.run(in_bridge + ["delete table bridge loss"], check=True)
    with_tandem(build, job)


def backend_killed(build):
    """kill -9 of a backend at 200 calls/s: only calls that were on it may fail.

    The backends do not ring: a call that rang on the killed one and was not answered yet is lost
    rightly, one that got no response at all is not."""
    def job(tandem):
        backends = {}
        for host in ("b1", "b2"):
            backends[host] = lab_tools.Sipp(host, sipp_scenario.simple_callee(rings=False), FOLDER,
                                            host).start()
            lab_tools.wait_for_port(host)
        hold_ms = 500
        caller = lab_tools.Sipp("ua", sipp_scenario.simple_call(hold_ms), FOLDER, "ua", arguments=(
            "-m", "2000", "-r", "200", "-l", "2000", "-recv_timeout", "8000", "198.18.0.1:5060"))
        caller.start()
        lab_tools.wait_until(lambda: caller.counts()[1] > 500, 30, "500 calls")
        on_it_before = int(backends["b1"].totals().get("CurrentCall", 0))
        backends["b1"].stop()
        caller.wait(60)
        backends["b2"].stop()
        created, completed, failed = caller.counts()
        # Calls in the hold time on the killed one: at 100/s for half a second, and SIPp's
        # statistics are up to a second old.
        most = on_it_before + 100 * (hold_ms / 1000 + 1)
        expect(created == 2000, f"{created} calls begun")
        expect(failed <= most, f"{failed} calls failed, at most {most} were on the killed backend")
        statistics = tandem.statistics()
        expect(statistics["failovers"] > 0, "no call was sent to the other backend")
        answered = statistics["calls_answered"]
        expect(answered == 2000, f"{answered} of 2000 calls were answered: some were lost that had "
               f"not reached the killed backend\n{caller.error_text()}")
    with_tandem(build, job)


def all_backends_down(build):
    def job(tandem):
        caller = lab_tools.Sipp("ua", cases.failed_call(503)[0], FOLDER, "ua", arguments=(
            "-m", "5", "-r", "5", "198.18.0.1:5060")).start()
        caller.wait(30)
        created, completed, failed = caller.counts()
        expect(completed == 5, f"{completed} of {created} got 503\n{caller.error_text()}")
        expect(tandem.statistics()["branch_errors"] >= 5, "ICMP errors were not noticed")
    with_tandem(build, job)


def killed_and_restarted(build):
    """kill -9 of Tandem: the next one takes the same interface, whatever the first left on it."""
    for port in ("af_xdp", "af_packet"):
        first = lab_tools.Tandem(build, FOLDER, port=port)
        first.start()
        first.process.kill()
        first.process.wait()
        first.stop()

        def job(tandem):
            run_flow(tandem, cases.FLOWS["call"], False)
            os.makedirs(f"{FOLDER}/second", exist_ok=True)
            second = lab_tools.Tandem(build, f"{FOLDER}/second", port=port)
            attempt_of_second = attempt(second.start)
            second.stop()
            expect(attempt_of_second is not None and "another Tandem" in attempt_of_second,
                   f"a second Tandem on the same interface: {attempt_of_second}")
            run_flow(tandem, cases.FLOWS["call"], False)
        with_tandem(build, job, port=port)


def calls_outlive_a_kill(build):
    """kill -9 of Tandem while 60 calls are up: through the next one each ends where it began."""
    first = lab_tools.Tandem(build, FOLDER)
    first.start()
    try:
        backends = start_callees(sipp_scenario.simple_callee())
        caller = lab_tools.Sipp("ua", sipp_scenario.simple_call(8000), FOLDER, "ua", arguments=(
            "-m", "60", "-r", "60", "-l", "60", "198.18.0.1:5060")).start()
        # Answered, and the ACK has passed.
        lab_tools.wait_until(lambda: first.statistics()["request_forwarded"] == 120, 20, "60 calls")
    finally:
        first.process.kill()
        first.process.wait()
        first.stop()

    def job(tandem):
        caller.wait(30)
        for one in backends:
            one.stop()
        created, completed, failed = caller.counts()
        expect((created, completed) == (60, 60), f"{completed} of {created} calls completed, "
               f"{failed} failed\n" + caller.error_text())
        forwarded = tandem.statistics()["request_forwarded"]
        expect(forwarded >= 60, f"the second Tandem forwarded {forwarded} requests")
    with_tandem(build, job)


def invented_sources(build):
    """Requests from 3,000 addresses of the link that nobody has: the kernel's neighbour table fills
    up, and calls go on. Nothing is sent to a broadcast address."""
    def job(tandem):
        mac = subprocess.run(lab_tools.in_namespace("lb", "cat", "/sys/class/net/eth0/address"),
                             capture_output=True, text=True, check=True).stdout.strip()
        flood = subprocess.Popen(lab_tools.in_namespace(
            "ua", "python3", f"{HERE}/invented_sources.py", "eth0", mac, "3000", "1500"))
        try:
            run_flow(tandem, (sipp_scenario.simple_call(200), sipp_scenario.simple_callee()), False,
                     calls=200, rate=50)
            expect(flood.wait(20) == 0, "the flood did not run to its end")
            lab_tools.wait_until(lambda: fates_of(tandem)["fate:drop_bad_source"] == 1, 5,
                                 "the packet with a broadcast address as its source")
            answered = fates_of(tandem)["fate:request_answered"]
            expect(answered >= 2900, f"only {answered} of 3000 requests were taken in")
            # And afterwards, when what was asked in vain has been forgotten.
            run_flow(tandem, cases.FLOWS["call"], False)
        finally:
            flood.kill()
            flood.wait()
    with_tandem(build, job)


def behind_a_balancer(build):
    """Calls by a balancer of UDP that says in a PROXY header from whom they are: a rule goes by the
    caller's address, he is told that of the balancer, and what the callee sends reaches him by the
    same way back."""
    calls, balancer, front = 100, "198.18.0.66", 5090

    def job(tandem):
        with open(f"{FOLDER}/handed_back", "w", encoding="ascii") as handed_back:
            relay = subprocess.Popen(lab_tools.in_namespace(
                "ua", "python3", f"{HERE}/udp_balancer.py", balancer, str(front),
                lab_tools.address("lb"), "5060"), stdout=handed_back)
        try:
            lab_tools.wait_for_port("ua", front)
            lab_tools.wait_until(lambda: fates_of(tandem)["fate:drop_bad_proxy_header"] == 1, 5,
                                 "the request without a header")
            run_flow(tandem, cases.callee_hangs_up(), False, calls=calls,
                     target=f"{balancer}:{front}")
            for flow in ("call", "busy", "cancel_after_180", "reinvite"):
                run_flow(tandem, cases.FLOWS[flow], False, target=f"{balancer}:{front}")
            with open(f"{FOLDER}/handed_back", encoding="ascii") as file:
                words = file.read().split()
            expect(words.count("BYE") >= calls, f"{words.count('BYE')} BYEs came by the balancer")
        finally:
            relay.kill()
            relay.wait()
    rules = '[[rule]]\nnot_source = ["198.18.0.10"]\nreject = 403\n'
    subprocess.run(["ip", "-n", "tandem-ua", "addr", "add", f"{balancer}/24", "dev", "eth0"],
                   check=True)
    try:
        with_tandem(build, job, extra=rules, workers=2, listen=(
            f'proxy_protocol_from = ["{balancer}"]\nadvertise = "{balancer}:{front}"'))
    finally:
        subprocess.run(["ip", "-n", "tandem-ua", "addr", "del", f"{balancer}/24", "dev", "eth0"],
                       check=True)


def told_to_the_service_manager(build):
    """Ready when calls may come, alive each second, reloading and ready again, stopping."""
    path = f"{FOLDER}/notify.sock"
    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)

        def heard(word):
            while True:
                message = manager.recv(1000).decode("ascii")
                if word in message:
                    return message
        os.environ["NOTIFY_SOCKET"] = path
        try:
            def job(tandem):
                heard("READY=1")
                run_flow(tandem, cases.FLOWS["call"], False)
                for _ in range(2):
                    heard("WATCHDOG=1")
                tandem.rpc("config.reload")
                expect("MONOTONIC_USEC=" in heard("RELOADING=1"), "reloading without the time")
                heard("READY=1")
            with_tandem(build, job)
            heard("STOPPING=1")
        finally:
            del os.environ["NOTIFY_SOCKET"]


def many_calls(build, calls, rate=1200):
    """Memory at the end as after the first tenth."""
    def job(tandem):
        backends = start_callees(sipp_scenario.simple_callee())
        caller = lab_tools.Sipp("ua", sipp_scenario.simple_call(), FOLDER, "ua", arguments=(
            "-m", str(calls), "-r", str(rate), "-l", "20000", "198.18.0.1:5060")).start()
        lab_tools.wait_until(lambda: caller.counts()[1] >= calls // 10, 120, "the first tenth")
        early = tandem.memory_kb()
        caller.wait(calls // rate + 120)
        late = tandem.memory_kb()
        for one in backends:
            one.stop()
        created, completed, failed = caller.counts()
        print(f"    calls={created} completed={completed} failed={failed} "
              f"memory after {calls // 10}: {early} kB, after {calls}: {late} kB")
        expect(completed == calls, f"{completed} of {calls} completed\n{caller.error_text()}")
        expect(late <= early * 1.01 + 64, f"memory grew from {early} to {late} kB")
    with_tandem(build, job)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--only", help="only scenarios whose name contains this")
    parser.add_argument("--calls", type=int, default=100000,
                        help="calls of many_calls; 0: leave it out")
    parser.add_argument("--day-seconds", type=int, default=120, help="of operator_day")
    parser.add_argument("--link-seconds", type=int, default=5, help="of links_come_and_go")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    passed, failed = 0, 0

    def report(name, error, seconds):
        nonlocal passed, failed
        passed, failed = passed + (error is None), failed + (error is not None)
        print(f"{'ok  ' if error is None else 'FAIL'} {name} ({seconds:.1f} s)", flush=True)
        if error is not None:
            print("    " + error.replace("\n", "\n    "), flush=True)

    lab_tools.end_on_signals()
    try:
        lab_tools.lab("up")
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(FOLDER)
        # Each pair of a port with workers, and with a family of addresses, and of both, is in it.
        for workers, v6, port in ((1, False, "af_xdp"), (2, True, "af_xdp"), (1, True, "af_packet"),
                                  (2, False, "memif"), (1, True, "memif")):
            start = time.monotonic()
            for name, error in basic_flows(build, workers, v6, port, options.only):
                report(name, error, time.monotonic() - start)
                start = time.monotonic()
        jobs = {job.__name__: job for job in (
            no_answer, no_answer_ipv6_two_workers, packet_loss, backend_killed, all_backends_down,
            killed_and_restarted, calls_outlive_a_kill, invented_sources, behind_a_balancer,
            told_to_the_service_manager,
            balance.drained_at_load, balance.hung_at_load, balance.dead_and_back_by_probes,
            balance.flooder_banned, *names.JOBS,
            rules.rules_at_load, rules.rule_limits_calls, rules.flood_of_strangers,
            rules.explained, *steering.JOBS, *bad_night.JOBS,
            *choices.JOBS, *shares.JOBS)}
        jobs.update(balance.algorithms())
        jobs["operator_day"] = lambda b: balance.operator_day(b, options.day_seconds)
        jobs["links_come_and_go"] = lambda b: bad_night.links_come_and_go(b, options.link_seconds)
        if options.calls > 0:
            jobs["many_calls"] = lambda b: many_calls(b, options.calls)
        for name, job in jobs.items():
            if options.only is not None and options.only not in name:
                continue
            start = time.monotonic()
            report(name, attempt(lambda: job(build)), time.monotonic() - start)
    finally:
        lab_tools.lab("down")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
