"""Who gets the calls, and who no longer: what is hashed, fair shares, priorities, groups behind
groups, slow ones, probes that fail while calls go on."""
import signal
import threading
import time

import lab_tools
import sipp_scenario
from bad_night import in_backend
from balance import (NAMES, TWO, WEIGHTS, Backends, destination, destinations, expect_all_complete,
                     expect_none_lost, seen, start_calls, state_of)
from checks import FOLDER, expect, with_tandem

VALUES, EACH = 16, 25
# For OPTIONS alone, by how its bytes begin.
HOLES = "@th,64,56 0x4f5054494f4e53 reject with icmp type host-unreachable"


def probed_callee(code=200):
    """A callee that answers OPTIONS as well, with `code`."""
    return sipp_scenario.scenario("probed", [
        sipp_scenario.want("OPTIONS", optional=True, then="1"),
        sipp_scenario.want("INVITE", dialog=True),
        sipp_scenario.answer(200, "OK", body=sipp_scenario.SDP, retrans=500),
        sipp_scenario.want("ACK"), sipp_scenario.want("BYE"),
        sipp_scenario.answer(200, "OK", tag="").replace("<send>", '<send next="2">'),
        sipp_scenario.label("1"), sipp_scenario.answer(code), sipp_scenario.label("2")])


def hashed_by(build, key, caller, extra=""):
    """Sixteen values in turn, 25 calls each: whoever gets one of a value gets them all."""
    def job(tandem):
        Backends(NAMES)
        with open(f"{FOLDER}/values.csv", "w", encoding="ascii") as file:
            file.write("SEQUENTIAL\n" + "".join(f"value-{i};\n" for i in range(VALUES)))
        ua = lab_tools.Sipp("ua", caller, FOLDER, "ua", arguments=(
            "-m", str(VALUES * EACH), "-r", "200", "-inf", f"{FOLDER}/values.csv",
            "-recv_timeout", "20000", "198.18.0.1:5060")).start()
        expect_all_complete(ua, VALUES * EACH)
        got = [one["CALLS"] for one in tandem.destinations()]
        print(f"    {key}: {got}")
        expect(sum(got) == VALUES * EACH and all(one % EACH == 0 for one in got),
               f"calls of one value went to several: {got}")
        expect(sum(one > 0 for one in got) > 1, f"all values went to one: {got}")
    hash_of = f'hash_of = "{key}"\n' if not extra else ""
    with_tandem(build, job, algorithm="hash", backends=(), extra=extra,
                group_extra=hash_of + destinations(*NAMES, weights=WEIGHTS))


def hashed_by_anything(build):
    """From, To, Request-URI, credentials, a header, and what a rule makes of two parts."""
    call = sipp_scenario.simple_call(100)
    account = call.replace("Max-Forwards: 70\n", "Max-Forwards: 70\nX-Account: [field0]\n")
    hashed_by(build, "from", call.replace("From: <sip:caller@", "From: <sip:[field0]@"))
    hashed_by(build, "to", call.replace("To: <sip:service@", "To: <sip:[field0]@"))
    hashed_by(build, "request_uri", call.replace("INVITE sip:service@", "INVITE sip:[field0]@"))
    hashed_by(build, "auth_user", call.replace(
        "Max-Forwards: 70\n", 'Max-Forwards: 70\nProxy-Authorization: Digest realm="r", '
        'username="[field0]", nonce="n", uri="sip:x", response="0"\n'))
    hashed_by(build, "header:X-Account", account)
    hashed_by(build, "hash_by", account, '[[rule]]\nmethod = "INVITE"\n'
              'hash_by = "${header:X-Account}-${user}"\n')


def bounded_load(build):
    """All calls are to one user, whom the hash gives to one backend: it gets a quarter more than
    its fair share of what is up, and others the rest."""
    def job(tandem):
        Backends(NAMES)
        caller = start_calls(1600, hold_ms=2000)
        lab_tools.wait_until(lambda: caller.counts()[0] > 600, 10, "600 calls")
        worst = []
        while caller.counts()[0] < 1500 and caller.process.poll() is None:
            up = sorted(one["ACTIVE"] for one in tandem.destinations())
            worst.append((up[-1] / max(1, sum(up)), up))
            time.sleep(0.2)
        share, up = max(worst)
        print(f"    the busiest had at most {100 * share:.0f} % of the calls: {up}")
        expect(0.38 < share < 1.25 / 3 + 0.03, f"not its bound: {up}")
        expect_all_complete(caller, 1600)
    with_tandem(build, job, algorithm="hash", backends=(),
                group_extra='hash_of = "to"\nbounded_load_percent = 125\n' + destinations(*NAMES))


def priorities_and_fallback(build):
    """The best priority has all calls; when it hangs the next one, then the group behind; each
    comes back. No call is lost."""
    spare = "b2:5061"

    def job(tandem):
        backends = Backends(TWO + (spare,))

        def calls():
            return [target["DEST"]["CALLS"] for record in tandem.rpc("dispatcher.list")["RECORDS"]
                    for target in record["SET"]["TARGETS"]]

        def goes_to(place):
            """The calls of half a second."""
            before = calls()
            time.sleep(0.5)
            got = [now - then for now, then in zip(calls(), before)]
            return got[place] > 50 and sum(got) - got[place] <= 1

        caller = start_calls(hold_ms=300)
        lab_tools.wait_until(lambda: goes_to(0), 10, "all calls to the best priority")
        backends.signal(TWO[0], signal.SIGSTOP)
        lab_tools.wait_until(lambda: goes_to(1), 5, "calls to the next priority")
        backends.signal(TWO[1], signal.SIGSTOP)
        lab_tools.wait_until(lambda: goes_to(2), 5, "calls to the group behind")
        backends.signal(TWO[1], signal.SIGCONT)
        lab_tools.wait_until(lambda: goes_to(1), 10, "calls to come back to the group")
        backends.signal(TWO[0], signal.SIGCONT)
        lab_tools.wait_until(lambda: goes_to(0), 10, "calls to come back to the best")
        expect_none_lost(caller)
    targets = destinations(*TWO).split("[[group.destination]]")
    with_tandem(build, job, backends=(), extra='[[group]]\nname = "spare"\n' + destinations(spare),
                group_extra='fallback = "spare"\nslow_start_ms = 0\n[[group.destination]]'
                f"{targets[1]}priority = 10\n[[group.destination]]{targets[2]}")


class Hesitant:
    """A process that is stopped most of the time: it does everything, but late."""

    def __init__(self, backends, name):
        self.backends, self.name = backends, name
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.wait(0.01):
            self.backends.signal(self.name, signal.SIGSTOP)
            self.over.wait(0.04)
            self.backends.signal(self.name, signal.SIGCONT)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def slow_one_gets_less(build, name):
    """One of two backends answers late for a time, and then as before."""
    def job(tandem):
        backends = Backends(TWO)

        def share(seconds):
            before = [destination(tandem, one)["CALLS"] for one in TWO]
            time.sleep(seconds)
            got = [destination(tandem, one)["CALLS"] - b for one, b in zip(TWO, before)]
            expect(sum(got) > 0, f"no more calls: {caller.counts()}")
            return got[0] / sum(got)

        caller = start_calls(hold_ms=300)
        lab_tools.wait_until(lambda: caller.counts()[1] > 200, 10, "200 calls")
        at_first = share(2)
        with Hesitant(backends, TWO[0]):
            time.sleep(1)
            slow = share(2)
        lab_tools.wait_until(lambda: share(0.5) > 0.2, 10, "its share to come back")
        print(f"    {name}: of the calls it had {100 * at_first:.0f} %, slow {100 * slow:.0f} %")
        # Which of two quick ones is the quicker is chance.
        expect(slow < 0.15, "its share did not go down")
        expect(name != "congestion" or 0.35 < at_first < 0.65, "they were not alike before")
        expect_none_lost(caller)
    with_tandem(build, job, algorithm=name, backends=(), group_extra=destinations(*TWO))


def slow_ones_get_less(build):
    for name in ("congestion", "lowest_latency"):
        slow_one_gets_less(build, name)


def probed_at_load(build):
    """Probes get lost while calls go on: after the first it is probing and still gets calls, after
    ten inactive and gets none, those that are up stay; and back again."""
    def job(tandem):
        Backends(TWO, probed_callee())
        caller = start_calls()

        def calls():
            return destination(tandem, TWO[0])["CALLS"]

        lab_tools.wait_until(lambda: calls() > 100, 10, "100 calls")
        in_backend("b1", HOLES)
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "probing", 3, "probing")
        before = calls()
        lab_tools.wait_until(lambda: calls() > before + 30, 3, "calls to one that is probing")
        expect(state_of(tandem, TWO[0]) == "probing", "it was probing for too short a time")
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "inactive", 5, "inactive")
        before = calls()
        time.sleep(1)
        expect(calls() <= before + 1, f"{calls() - before} calls to one that is inactive")
        in_backend("b1", "")
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "active", 5, "active")
        lab_tools.wait_until(lambda: calls() > before + 50, 10, "calls to go there again")
        expect_none_lost(caller)
        went = seen(tandem, TWO[0])
        at = went.index("inactive")
        expect(went[at - 1] == "probing" and went[at + 1] == "active", f"it went through {went}")
    try:
        with_tandem(build, job, backends=(), group_extra=destinations(*TWO) + "[group.probe]\n"
                    "interval_ms = 200\ntimeout_ms = 150\ndown = 10\n")
    finally:
        in_backend("b1", "")


def flapping_is_held(build):
    """One that goes down again and again has to answer more probes each time before it is back."""
    def job(tandem):
        Backends(TWO, probed_callee())
        caller = start_calls()
        took = []
        for _ in range(3):
            in_backend("b1", HOLES)
            lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "inactive", 5, "inactive")
            in_backend("b1", "")
            start = time.monotonic()
            lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "active", 10, "active")
            took.append(time.monotonic() - start)
        print("    back after " + ", ".join(f"{one:.1f}" for one in took) + " s")
        expect(took[1] > 1.3 * took[0] and took[2] > 1.3 * took[1], f"not held: {took}")
        expect_none_lost(caller)
    try:
        with_tandem(build, job, backends=(), group_extra=destinations(*TWO) + "[group.probe]\n"
                    "interval_ms = 250\ntimeout_ms = 200\ndown = 2\nup = 2\n")
    finally:
        in_backend("b1", "")


JOBS = (hashed_by_anything, bounded_load, priorities_and_fallback, slow_ones_get_less,
        probed_at_load, flapping_is_held)
