"""What an operator does all day, with real backends at load: algorithms, draining, backends that
hang, die and come back, changes and reloads."""
import signal
import subprocess
import time

import lab_tools
import sipp_scenario
from checks import FOLDER, Failed, expect, with_tandem

RATE = 200  # calls a second, where nothing else is said


class Backends:
    """SIPp callees by name: host and port, like "b2:5061"."""

    def __init__(self, names, callee=None):
        self.callee = callee or sipp_scenario.simple_callee(rings=False)
        self.all = {}
        for name in names:
            self.start(name)

    def start(self, name, callee=None):
        host, port = name.split(":")
        one = lab_tools.Sipp(host, callee or self.callee, FOLDER, name.replace(":", "-"),
                             port=int(port)).start()
        self.all[name] = one
        try:
            lab_tools.wait_for_port(host, int(port))
        except TimeoutError as error:
            raise Failed(f"{error}; SIPp: {one.state()}\n{one.error_text()}") from error
        expect(one.process.poll() is None, f"{name} did not start: {one.error_text()}")

    def kill(self, name):
        self.all[name].stop(signal.SIGKILL)

    def signal(self, name, number):
        # "ip netns exec" has become SIPp itself.
        self.all[name].process.send_signal(number)


def uri(name):
    host, port = name.split(":")
    return f"sip:{lab_tools.address(host)}:{port}"


def destinations(*names, weights=None):
    """Configuration of destinations, for group_extra of a Tandem without backends of its own."""
    lines = []
    for i, name in enumerate(names):
        lines += ["[[group.destination]]", f'uri = "{uri(name)}"']
        if weights:
            lines.append(f"weight = {weights[i]}")
    return "\n".join(lines) + "\n"


ENDLESS = 100000


def start_calls(calls=ENDLESS, rate=RATE, hold_ms=500):
    return lab_tools.Sipp("ua", sipp_scenario.simple_call(hold_ms), FOLDER, "ua", arguments=(
        "-m", str(calls), "-r", str(rate), "-l", str(calls), "-recv_timeout", "20000",
        "198.18.0.1:5060")).start()


def expect_all_complete(caller, calls, may_fail=0):
    caller.wait(60)
    created, completed, failed = caller.counts()
    expect(created == calls, f"{created} of {calls} calls begun")
    expect(failed <= may_fail and completed >= calls - may_fail,
           f"{completed} of {calls} calls completed, {failed} failed, {may_fail} may fail\n"
           + caller.error_text())


def expect_none_lost(caller):
    """Ends calls that would go on: none begins any more, and each that is up completes."""
    expect(caller.process.poll() is None, "the calls ended before what they were for")
    caller.process.send_signal(signal.SIGUSR1)
    caller.wait(60)
    created, completed, failed = caller.counts()
    expect(created == completed, f"{completed} of {created} calls completed, {failed} failed\n"
           + caller.error_text())


def destination(tandem, name):
    return next(one for one in tandem.destinations() if one["URI"] == uri(name))


def tandemctl(tandem, *arguments, code=0):
    done = subprocess.run([f"{tandem.build}/control/tandemctl", "-s", tandem.socket, *arguments],
                          capture_output=True, text=True, timeout=60)
    expect(done.returncode == code, f"tandemctl {' '.join(arguments)} ended with "
           f"{done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


NAMES = ("b1:5060", "b2:5060", "b2:5061")
WEIGHTS = (2, 1, 1)


def near(got, share, calls):
    """Within four standard deviations of a fair draw."""
    return abs(got - share * calls) <= 4 * (calls * share * (1 - share)) ** 0.5 + 1


def algorithm(build, name):
    """400 calls at 200/s over three backends of weight 2, 1 and 1, the last of which is slow where
    it matters."""
    calls = 400
    by_latency = name in ("lowest_latency", "congestion")

    def job(tandem):
        backends = Backends(NAMES[:2])
        slow = sipp_scenario.simple_callee(rings=False, thinks_ms=80)
        backends.start(NAMES[2], slow if by_latency and name != "congestion" else None)
        caller = start_calls(calls)
        expect_all_complete(caller, calls)
        got = [one["CALLS"] for one in tandem.destinations()]
        print(f"    {name}: {got}")
        if name == "parallel":
            expect(min(got) >= calls, f"not everybody was asked: {got}")
            return
        expect(sum(got) == calls, f"{sum(got)} calls went to {got}")
        if name == "round_robin":
            expect(got == [200, 100, 100], f"not in turn: {got}")
        elif name == "least_calls":
            expect(all(abs(g - w * 100) <= 8 for g, w in zip(got, WEIGHTS)), f"not level: {got}")
        elif name in ("hash", "random", "least_work"):
            expect(all(near(g, w / 4, calls) for g, w in zip(got, WEIGHTS)),
                   f"not by weight: {got}")
        elif name == "lowest_latency":
            expect(got[2] < 40, f"the slow one got {got[2]} of {calls}")
        else:
            expect(min(got) > 20, f"one got hardly anything: {got}")
        left = [one["ACTIVE"] for one in tandem.destinations()]
        expect(left == [0, 0, 0], f"calls left in the books: {left}")
    with_tandem(build, job, algorithm=name, backends=(),
                group_extra=destinations(*NAMES, weights=WEIGHTS))


def algorithms():
    return {f"algorithm_{name}": (lambda build, name=name: algorithm(build, name))
            for name in ("hash", "round_robin", "random", "least_calls", "least_work",
                         "lowest_latency", "congestion", "parallel")}


PROBES = "[group.probe]\ninterval_ms = 400\ntimeout_ms = 300\n"
TWO = ("b1:5060", "b2:5060")


def state_of(tandem, name):
    return destination(tandem, name)["STATE"]


def seen(tandem, name):
    """The states that the destination went through."""
    events = tandem.rpc("dispatcher.events")["events"]
    return [one["to"] for one in events if one["uri"] == uri(name)]


def followed_text():
    with open(f"{FOLDER}/followed", encoding="utf-8") as file:
        return file.read()


def expect_no_calls(tandem, name):
    """In a second, but for one that asks whether it is back."""
    before = destination(tandem, name)["CALLS"]
    time.sleep(1)
    got = destination(tandem, name)["CALLS"] - before
    expect(got <= 1, f"{got} calls to one that is {state_of(tandem, name)}")


def drained_at_load(build):
    """No new call to a draining backend, its calls go on to their end, and tandemctl says when;
    whoever follows events is told of each."""
    def job(tandem):
        Backends(TWO)
        # It ends with the connection.
        with open(f"{FOLDER}/followed", "w", encoding="utf-8") as followed:
            subprocess.Popen([f"{tandem.build}/control/tandemctl", "-s", tandem.socket,
                              "events", "--follow"], stdout=followed, stderr=followed)
        caller = start_calls(hold_ms=1500)
        lab_tools.wait_until(lambda: destination(tandem, TWO[0])["ACTIVE"] > 100, 10, "100 calls")
        text = tandemctl(tandem, "drain", uri(TWO[0]), "--wait", "--timeout", "20")
        begun = destination(tandem, TWO[0])["CALLS"]
        first, last = text.splitlines()[0], text.splitlines()[-1]
        expect(first.startswith("draining: ") and last == "0 calls left", f"tandemctl said: {text}")
        expect(int(first.split()[1]) > 100, f"not drained at load: {first}")
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "disabled", 2, "disabled")
        time.sleep(0.5)
        expect(destination(tandem, TWO[0])["CALLS"] == begun, "a new call after it had drained")
        tandemctl(tandem, "enable", uri(TWO[0]))
        lab_tools.wait_until(lambda: destination(tandem, TWO[0])["CALLS"] > begun, 5, "new calls")
        expect_none_lost(caller)
        expect(seen(tandem, TWO[0]) == ["draining", "disabled", "active"],
               f"it went through {seen(tandem, TWO[0])}")
        for change in ("active -> draining", "draining -> disabled", "disabled -> active"):
            lab_tools.wait_until(lambda: change in followed_text(), 5, f"to be told: {change}")
        tandemctl(tandem, "drain", "sip:192.0.2.99", code=1)
    with_tandem(build, job, backends=(), group_extra=destinations(*TWO))


def hung_at_load(build):
    """A backend that hangs (SIGSTOP) gets no more calls in under a second, and is taken back when
    it goes on; no call is lost."""
    def job(tandem):
        backends = Backends(TWO)
        caller = start_calls()
        lab_tools.wait_until(lambda: destination(tandem, TWO[0])["CALLS"] > 100, 10, "100 calls")
        backends.signal(TWO[0], signal.SIGSTOP)
        start = time.monotonic()
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) != "active", 5, "a change of state")
        seconds = time.monotonic() - start
        expect(seconds < 1, f"it took {seconds:.2f} s")
        before = destination(tandem, TWO[0])["CALLS"]
        time.sleep(1)
        after = destination(tandem, TWO[0])["CALLS"]
        expect(after - before <= 1, f"{after - before} calls to a backend that hangs")
        backends.signal(TWO[0], signal.SIGCONT)
        lab_tools.wait_until(lambda: destination(tandem, TWO[0])["CALLS"] > after + 50, 10,
                             "calls to go there again")
        print(f"    out after {seconds * 1000:.0f} ms")
        expect_none_lost(caller)
    with_tandem(build, job, backends=(), group_extra=destinations(*TWO))


def dead_and_back_by_probes(build):
    """Without any call: probes take a dead backend out, and bring it back."""
    def job(tandem):
        backends = Backends(TWO, sipp_scenario.scenario("options", [
            sipp_scenario.want("OPTIONS"), sipp_scenario.answer(200, "OK")]))
        time.sleep(1)
        expect(state_of(tandem, TWO[0]) == "active", f"it is {state_of(tandem, TWO[0])}")
        expect(destination(tandem, TWO[0])["FLAGS"] == "AP", "not shown as probed")
        backends.kill(TWO[0])
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "inactive", 5, "inactive")
        expect(state_of(tandem, TWO[1]) == "active", "the other one is not active")
        backends.start(TWO[0])
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "active", 5, "active")
        expect(seen(tandem, TWO[0])[-3:] == ["probing", "inactive", "active"],
               f"it went through {seen(tandem, TWO[0])}")
        # Busy: it answers 503.
        backends.kill(TWO[0])
        backends.start(TWO[0], sipp_scenario.scenario("busy", [
            sipp_scenario.want("OPTIONS"), sipp_scenario.answer(503, "Service Unavailable")]))
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "busy", 5, "busy")
        # From then on: while nobody listened there it may well have been found dead.
        before = len(seen(tandem, TWO[0]))
        time.sleep(2)  # of five probes, where three failures make it inactive
        expect("inactive" not in seen(tandem, TWO[0])[before:], "503 was taken for dead")
    with_tandem(build, job, backends=(), group_extra=destinations(*TWO) + PROBES)


def operator_day(build, seconds):
    """500 calls/s; every ten seconds the configuration is reloaded, a destination added and
    removed, one drained and one killed and restarted. Only calls on a killed one may be lost."""
    names = ("b1:5060", "b2:5060", "b1:5061", "b2:5061")
    extra = "b2:5062"
    rate = 500

    def job(tandem):
        calls = rate * seconds
        backends = Backends(names + (extra,))
        caller = start_calls(calls, rate=rate, hold_ms=1000)
        may_fail, rounds, memory = 0, 0, None
        while caller.process.poll() is None and caller.counts()[0] < calls - rate * 13:
            start = time.monotonic()
            killed, drained = names[rounds % 4], names[(rounds + 1) % 4]
            tandem.settings["group_extra"] = destinations(*names, weights=(1, 1, 1 + rounds % 3, 1))
            tandem.write_config(())
            tandem.rpc("config.reload")
            tandemctl(tandem, "add", "backends", uri(extra), "weight=2")
            tandemctl(tandem, "drain", uri(drained), "--wait", "--timeout", "20")
            tandemctl(tandem, "enable", uri(drained))
            tandemctl(tandem, "remove", "backends", uri(extra))
            backends.kill(killed)
            may_fail += destination(tandem, killed)["ACTIVE"]
            time.sleep(2)
            backends.start(killed)
            rounds += 1
            memory = memory or tandem.memory_kb()
            time.sleep(max(0, 10 - (time.monotonic() - start)))
        # A breaker closes by a call: those that are left do it for the one that was killed last.
        lab_tools.wait_until(lambda: all(one["STATE"] == "active" for one in tandem.destinations()),
                             12, "all destinations to be active")
        expect_all_complete(caller, calls, may_fail)
        created, completed, failed = caller.counts()
        late = tandem.memory_kb()
        print(f"    calls={created} completed={completed} failed={failed}, at most {may_fail} were "
              f"on a killed backend; {rounds} rounds; memory {memory} -> {late} kB")
        expect(rounds >= seconds // 11, f"only {rounds} rounds in {seconds} s")
        expect(late <= memory * 1.02 + 256, f"memory grew from {memory} to {late} kB")
        left = {one["URI"]: one["ACTIVE"] for one in tandem.destinations()}
        on_killed = sum(left.values())
        expect(on_killed <= may_fail, f"calls left in the books: {left}")
    with_tandem(build, job, backends=(), group_extra=destinations(*names))


def flooder_banned(build):
    """One source sends a hundred times what it may: it is banned, and calls of others go on."""
    def job(tandem):
        Backends(TWO)
        caller = start_calls(800)
        flood = lab_tools.Sipp("ua", sipp_scenario.scenario("flood", [
            sipp_scenario.request("OPTIONS", retrans=0)]), FOLDER, "flood", port=5070, arguments=(
                "-m", "20000", "-r", "5000", "198.18.0.1:5060"))
        flood.command[flood.command.index("198.18.0.10")] = "198.18.0.66"
        flood.start()
        lab_tools.wait_until(lambda: tandem.rpc("bans.list")["count"] == 1, 10, "the ban")
        listed = tandemctl(tandem, "bans")
        expect("198.18.0.66" in listed and "rate" in listed, f"tandemctl bans said: {listed}")
        lab_tools.wait_until(lambda: tandem.statistics()["drop_denied"] > 1000, 10,
                             "denied packets")
        flood.stop()
        expect_all_complete(caller, 800)
        statistics = tandem.statistics()
        print(f"    {statistics['drop_source_rate']} over the rate, then "
              f"{statistics['drop_denied']} denied")
        tandemctl(tandem, "unban", "198.18.0.66")
        expect(tandem.rpc("bans.list")["count"] == 0, "the ban was not lifted")
    subprocess.run(["ip", "-n", "tandem-ua", "addr", "add", "198.18.0.66/24", "dev", "eth0"],
                   check=True)
    try:
        with_tandem(build, job, backends=(), group_extra=destinations(*TWO), extra=(
            "[protect]\nrequests_per_s = 50\nban_after = 100\ntrusted = [\"198.18.0.10\"]\n"))
    finally:
        subprocess.run(["ip", "-n", "tandem-ua", "addr", "del", "198.18.0.66/24", "dev", "eth0"],
                       check=True)
