"""What goes wrong in a bad night: backends that answer nothing, refuse or are busy, links that come
and go, reloads without end, broken files."""
import ctypes
import os
import subprocess
import time

import lab_tools
import sipp_scenario
from balance import (TWO, Backends, destination, destinations, expect_all_complete,
                     expect_no_calls, expect_none_lost, seen, start_calls, state_of, tandemctl,
                     uri)
from checks import FOLDER, expect, with_tandem


def in_backend(host, rule):
    """What becomes of SIP that comes to a backend: an nftables verdict; "": all is well again."""
    table = "add table inet fault; delete table inet fault"
    if rule:
        table += ("; add table inet fault; add chain inet fault wire "
                  "{ type filter hook input priority 0; }; "
                  f"add rule inet fault wire udp dport 5060 {rule}")
    subprocess.run(lab_tools.in_namespace(host, "nft", table), check=True)


def calls_from(port, calls, rate, hold_ms):
    return lab_tools.Sipp("ua", sipp_scenario.simple_call(hold_ms), FOLDER, f"ua-{port}", port=port,
                          arguments=("-m", str(calls), "-r", str(rate), "-l", str(calls),
                                     "-recv_timeout", "20000", "198.18.0.1:5060")).start()


def lost_in_every_way(build):
    """A backend behind a hole, and one behind a firewall that refuses: calls that are up there stay
    up, calls in set-up go to the other one, and no call is lost."""
    def job(tandem):
        Backends(TWO)
        for way in ("drop", "reject with icmp type admin-prohibited",
                    "reject with icmp type host-unreachable"):
            before = tandem.statistics()
            established = calls_from(5070, 400, 200, 6000)
            lab_tools.wait_until(lambda: established.counts()[0] == 400, 10, "400 calls")
            answered = before["calls_answered"] + 400
            lab_tools.wait_until(lambda: tandem.statistics()["calls_answered"] == answered, 5,
                                 "400 calls to be up")
            in_backend("b1", way)
            try:
                start = time.monotonic()
                in_setup = calls_from(5060, 300, 200, 2500)
                lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "broken", 3, "the breaker")
                seconds = time.monotonic() - start
                lab_tools.wait_until(lambda: in_setup.counts()[0] == 300, 10, "300 calls")
            finally:
                in_backend("b1", "")
            expect_all_complete(in_setup, 300)
            expect_all_complete(established, 400)
            after = calls_from(5060, 400, 50, 100)
            lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "active", 10,
                                 "a call that shows it is well again")
            after.stop()
            tandem.rpc("dispatcher.set_state", ["a", "backends", uri(TWO[0])])  # no slow start
            print(f"    {way}: broken after {seconds * 1000:.0f} ms")
            expect(seconds < 1.5, f"{way}: it took {seconds:.2f} s")
    try:
        with_tandem(build, job, backends=(), group_extra=destinations(*TWO))
    finally:
        in_backend("b1", "")


def busy_at_load(build):
    """One that answers 503 with Retry-After gets no call for that time, and is not dead."""
    def job(tandem):
        backends = Backends(TWO[1:])
        backends.start(TWO[0], sipp_scenario.scenario("busy", [
            sipp_scenario.want("INVITE"),
            sipp_scenario.answer(503, "Service Unavailable", headers="Retry-After: 2\n",
                                 retrans=500),
            sipp_scenario.want("ACK")]))
        caller = start_calls()
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "busy", 5, "busy")
        expect_no_calls(tandem, TWO[0])
        lab_tools.wait_until(lambda: seen(tandem, TWO[0]).count("busy") >= 2, 10,
                             "to be asked again after its time")
        expect_none_lost(caller)
        states = set(seen(tandem, TWO[0]))
        expect(not states & {"inactive", "broken"}, f"it went through {states}")
    with_tandem(build, job, backends=(), group_extra=destinations(*TWO))


def refusing_at_load(build):
    """One that answers 503 without a time is asked again now and then, with one call that goes on
    to the other; it is taken back by the first that it answers."""
    def job(tandem):
        backends = Backends(TWO[1:])
        backends.start(TWO[0], sipp_scenario.scenario("refusing", [
            sipp_scenario.want("INVITE"), sipp_scenario.answer(100, "Trying", tag=""),
            sipp_scenario.answer(503, "Service Unavailable", retrans=500),
            sipp_scenario.want("ACK")]))
        caller = start_calls()
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "broken", 5, "broken")
        expect_no_calls(tandem, TWO[0])
        backends.kill(TWO[0])
        backends.start(TWO[0])
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "active", 10, "active")
        expect_none_lost(caller)
    with_tandem(build, job, backends=(), group_extra=destinations(*TWO))


def disabled_at_load(build):
    """No call begins at a disabled one from that moment on, its calls go on; back again it begins
    with a small share."""
    def job(tandem):
        Backends(TWO)
        caller = start_calls(hold_ms=1500)
        lab_tools.wait_until(lambda: destination(tandem, TWO[0])["ACTIVE"] > 100, 10, "100 calls")
        tandemctl(tandem, "disable", uri(TWO[0]))
        at_once = destination(tandem, TWO[0])
        expect(at_once["STATE"] == "disabled" and at_once["ACTIVE"] > 50, f"it is {at_once}")
        time.sleep(2)
        later = destination(tandem, TWO[0])
        expect(later["CALLS"] <= at_once["CALLS"] + 1 and later["ACTIVE"] == 0, f"it has {later}")
        tandemctl(tandem, "enable", uri(TWO[0]))
        before = [destination(tandem, name)["CALLS"] for name in TWO]
        time.sleep(1)
        got = [destination(tandem, name)["CALLS"] - b for name, b in zip(TWO, before)]
        expect(0 < got[0] < 0.75 * got[1], f"of the first calls afterwards they got {got}")
        expect_none_lost(caller)
        tandemctl(tandem, "disable", "sip:192.0.2.99", code=1)
    with_tandem(build, job, backends=(), group_extra="slow_start_ms = 8000\n" + destinations(*TWO))


CAPACITY, OFFERED_S = 200, 6  # calls a second


def ten_times_what_they_take(build):
    """Ten times the calls that the backends take, from callers that repeat what is not answered:
    as many as ever come through, everybody else is told at once, and afterwards all is as before.
    """
    offered = 10 * CAPACITY * OFFERED_S

    def job(tandem):
        Backends(TWO)
        expect_all_complete(start_calls(CAPACITY, rate=9 * CAPACITY // 10, hold_ms=0), CAPACITY)
        before, start = tandem.statistics(), time.monotonic()
        caller = lab_tools.Sipp(
            "ua", sipp_scenario.call_or(503), FOLDER, "many", port=5070, arguments=(
                "-m", str(offered), "-r", str(10 * CAPACITY), "-l", str(offered),
                "198.18.0.1:5060")).start()
        expect_all_complete(caller, offered)
        seconds = time.monotonic() - start
        expect_all_complete(start_calls(CAPACITY, rate=9 * CAPACITY // 10, hold_ms=0), CAPACITY)
        after = tandem.statistics()
        got = after["calls_answered"] - before["calls_answered"] - CAPACITY
        again = int(caller.totals()["Retransmissions(C)"])
        print(f"    {offered} calls in {OFFERED_S} s: {got} completed, the others refused; "
              f"{again} messages were sent again")
        expect(0.95 * CAPACITY * OFFERED_S <= got <= CAPACITY * (seconds + 1), f"{got} completed")
        expect(again <= 0.01 * offered, f"{again} messages were sent again")
    with_tandem(build, job, backends=(),
                group_extra=f"calls_per_s = {CAPACITY}\n" + destinations(*TWO))


def packets_in_use(tandem):
    statistics = tandem.statistics()
    return statistics["small_in_use"], statistics["large_in_use"]


def links_come_and_go(build, longest=5):
    """The interface goes down for a second, and on af_xdp for five: no call is lost, no packet
    stays behind, and traffic is back at once. Calls do not outlive half a minute (RFC 3261
    17.1.1.2), but those that begin behind it find all as it was."""
    def flap(tandem, seconds):
        subprocess.run(["ip", "-n", "tandem-lb", "link", "set", "eth0", "down"], check=True)
        time.sleep(seconds)
        before = tandem.statistics()["packets_in"]
        subprocess.run(["ip", "-n", "tandem-lb", "link", "set", "eth0", "up"], check=True)
        up = time.monotonic()
        lab_tools.wait_until(lambda: tandem.statistics()["packets_in"] > before, 5, "packets")
        return (time.monotonic() - up) * 1000

    # Or the kernel forgets the IPv6 addresses of a link that is down.
    subprocess.run(lab_tools.in_namespace("lb", "sysctl", "-qw",
                                          "net.ipv6.conf.eth0.keep_addr_on_down=1"), check=True)
    for port in ("af_xdp", "af_packet"):
        def job(tandem):
            Backends(TWO)
            expect_all_complete(start_calls(100), 100)
            # What was sent last may lie in the ring until something else is sent.
            at_rest = packets_in_use(tandem)
            caller = start_calls()
            back = []
            for seconds in (1, 5) if port == "af_xdp" else (1,):
                lab_tools.wait_until(lambda b=caller.counts()[1]: caller.counts()[1] > b + 200, 30,
                                     "200 calls")
                back.append(flap(tandem, seconds))
            expect_none_lost(caller)
            if longest > 5 and port == "af_xdp":
                # Or the caller's kernel asks for us only once a second by then.
                entry = lab_tools.in_namespace("ua", "ip", "neigh", "show", "198.18.0.1")
                known = subprocess.run(entry, check=True, capture_output=True, text=True).stdout
                mac = known.split()[known.split().index("lladdr") + 1]
                subprocess.run(lab_tools.in_namespace(
                    "ua", "ip", "neigh", "replace", "198.18.0.1", "lladdr", mac, "dev", "eth0",
                    "nud", "permanent"), check=True)
                caller = start_calls()
                back.append(flap(tandem, longest))
                caller.stop()
                expect_all_complete(start_calls(100), 100)
            expect(max(back) < 100, f"{port}: packets again after {back} ms")
            lab_tools.wait_until(lambda: packets_in_use(tandem) == at_rest, 5,
                                 f"packets back in their pools: {packets_in_use(tandem)} in use, "
                                 f"{at_rest} at rest")
            print(f"    {port}: first packet {max(back):.0f} ms after the link at most")
        with_tandem(build, job, port=port, backends=(), group_extra=destinations(*TWO))


def peer_gone_and_back(build):
    """What is at the other end of a memif port is killed and comes back, twice: no call is lost, no
    packet stays behind."""
    def job(tandem):
        Backends(TWO)
        expect_all_complete(start_calls(100), 100)
        at_rest = packets_in_use(tandem)
        caller = start_calls()
        for seconds in (0.5, 1.5):
            lab_tools.wait_until(lambda b=caller.counts()[1]: caller.counts()[1] > b + 200, 30,
                                 "200 calls")
            tandem.cut_wire()
            time.sleep(seconds)
            before = tandem.statistics()["packets_in"]
            tandem.connect_wire()
            back = time.monotonic()
            lab_tools.wait_until(lambda b=before: tandem.statistics()["packets_in"] > b, 5,
                                 "packets")
            print(f"    gone for {seconds} s: first packet "
                  f"{(time.monotonic() - back) * 1000:.0f} ms after it is there")
        expect_none_lost(caller)
        lab_tools.wait_until(lambda: packets_in_use(tandem) == at_rest, 5,
                             f"packets back in their pools: {packets_in_use(tandem)} in use, "
                             f"{at_rest} at rest")
    with_tandem(build, job, port="memif", backends=(), group_extra=destinations(*TWO))


class Stepped:
    """A worker that stands still so many instructions into what the driver of a port does for it,
    as when the host takes its CPU away there (ptrace)."""
    SEIZE, INTERRUPT, DETACH, STEP, REGISTERS, WALL = 0x4206, 0x4207, 17, 9, 12, 0x40000000
    RIP = 16  # in what REGISTERS gives

    def __init__(self, tandem, library):
        self.ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        process = f"/proc/{tandem.process.pid}"
        names = {}
        for task in os.listdir(f"{process}/task"):
            with open(f"{process}/task/{task}/comm", encoding="ascii") as file:
                names[file.read().strip()] = int(task)
        self.task = next(task for name, task in names.items()
                         if name.startswith(("rte-worker", "dpdk-worker")))
        with open(f"{process}/maps", encoding="ascii") as file:
            code = next(line for line in file if library in line and " r-xp " in line)
        self.begin, self.end = (int(part, 16) for part in code.split()[0].split("-"))

    def ask(self, what, data=None):
        expect(self.ptrace(what, self.task, None, data) == 0,
               f"ptrace: {os.strerror(ctypes.get_errno())}")

    def step(self):
        self.ask(self.STEP)
        os.waitpid(self.task, self.WALL)

    def inside(self):
        registers = (ctypes.c_ulonglong * 27)()
        self.ask(self.REGISTERS, registers)
        return self.begin <= registers[self.RIP] < self.end

    def hold(self, instructions):
        self.ask(self.SEIZE)
        self.ask(self.INTERRUPT)
        os.waitpid(self.task, self.WALL)
        while self.inside():
            self.step()
        while not self.inside():
            self.step()
        while instructions > 0:
            self.step()
            instructions -= self.inside()

    def let_go(self):
        self.ask(self.DETACH)


def peer_gone_under_a_worker(build):
    """What is at the other end of a memif port is killed while the worker stands still, between its
    look whether there is somebody and its look into the ring among others: when it goes on, nothing
    has been taken away that it reads."""
    def job(tandem):
        worker = Stepped(tandem, "librte_net_memif")
        for instructions in range(0, 80, 3):
            worker.hold(instructions)
            tandem.cut_wire()
            time.sleep(0.02)  # in which DPDK hears of it; if not, this round shows nothing
            worker.let_go()
            tandem.connect_wire()
            expect(tandem.process.poll() is None, f"ended with {tandem.process.poll()}, held "
                   f"{instructions} instructions into the driver")
        Backends(TWO)
        expect_all_complete(start_calls(100), 100)
    with_tandem(build, job, port="memif", backends=(), group_extra=destinations(*TWO),
                node='idle = "spin"')


BROKEN = ('[timers]\nt1_ms = "soon"\n', "[[group]]\n", "[node\n", 'unknown = 1\n', "\x00",
          '[[rule]]\nuser_regex = "("\n', '[[listen]]\naddress = "nowhere"\n',
          '[protect]\ndenied = ["1.2.3.4/77"]\n', '[[rule]]\ngroup = "nobody"\n',
          '[[group.destination]]\nuri = "sip:backend.example.com:99999"\n')


def reloaded_a_thousand_times(build):
    """A thousand reloads at 500 calls/s that take a backend out and in, change weights and rules,
    and a hundred files with something wrong: no call is lost, nothing is sent twice, and a wrong
    file changes nothing and is told by line and column."""
    def job(tandem):
        Backends(TWO)
        caller = start_calls(rate=500, hold_ms=300)
        slowest, running = 0, None
        lab_tools.wait_until(lambda: caller.counts()[1] > 500, 20, "500 calls")
        for number in range(1000):
            names = TWO if number % 2 else TWO[:1]
            tandem.settings["group_extra"] = destinations(*names, weights=(1 + number % 3, 1))
            tandem.settings["extra"] = f'[[rule]]\nuser = "nobody-{number % 7}"\nreject = 404\n'
            tandem.write_config(())
            start = time.monotonic()
            tandem.rpc("config.reload")
            slowest = max(slowest, time.monotonic() - start)
            if number % 10 != 0:
                continue
            running = [one["URI"] for one in tandem.destinations()]
            # The others, with something wrong behind them.
            tandem.settings["group_extra"] = destinations(*TWO[len(running) % 2:])
            tandem.write_config(())
            with open(tandem.config, "a", encoding="ascii") as file:
                file.write(BROKEN[number // 10 % len(BROKEN)])
            try:
                tandem.rpc("config.reload")
                expect(False, f"a wrong file was taken: {BROKEN[number // 10 % len(BROKEN)]!r}")
            except RuntimeError as error:
                line = str(error).split("tandem.toml:")[-1].split(":")
                expect(len(line) > 2 and line[0].isdigit() and line[1].isdigit(),
                       f"not told where: {error}")
            expect([one["URI"] for one in tandem.destinations()] == running, "it changed something")
        expect_none_lost(caller)
        again = int(caller.totals()["Retransmissions(C)"])
        print(f"    1,000 reloads, the slowest {slowest * 1000:.0f} ms; 100 wrong files; "
              f"{again} retransmissions by the caller")
        expect(again == 0, f"{again} messages were sent twice")
    with_tandem(build, job, backends=(), group_extra=destinations(*TWO))


JOBS = (lost_in_every_way, busy_at_load, refusing_at_load, disabled_at_load,
        ten_times_what_they_take, links_come_and_go, peer_gone_and_back, peer_gone_under_a_worker,
        reloaded_a_thousand_times)
