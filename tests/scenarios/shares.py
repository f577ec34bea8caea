"""Who gets how many of the calls: hard limits, weights within a priority and without one, work,
probes that say busy; and which answers end the search for somebody."""
import cases
import lab_tools
import sipp_scenario
from balance import (NAMES, TWO, WEIGHTS, Backends, destination, destinations, expect_all_complete,
                     expect_none_lost, near, start_calls, state_of, tandemctl, uri)
from checks import FOLDER, expect, with_tandem
from choices import probed_callee


def capacity_is_kept(build):
    """Two workers race for the places of two backends: never one too many, whoever finds none is
    told at once, and all of them are free at the end. Who has room for three times as many calls
    gets three times as many."""
    capacities, calls = (30, 10), 1200
    text = "".join(f'[[group.destination]]\nuri = "{uri(name)}"\ncapacity = {capacity}\n'
                   for name, capacity in zip(TWO, capacities))

    def job(tandem):
        Backends(TWO)
        caller = lab_tools.Sipp("ua", sipp_scenario.call_or(503, hold_ms=300), FOLDER, "many",
                                arguments=("-m", str(calls), "-r", "400", "-l", str(calls),
                                           "198.18.0.1:5060")).start()
        most = (0, 0)
        while caller.process.poll() is None:
            most = tuple(map(max, most, (one["ACTIVE"] for one in tandem.destinations())))
        expect_all_complete(caller, calls)
        statistics = tandem.statistics()
        answered, refused = statistics["calls_answered"], statistics["rejected_no_backend"]
        got = calls_of(tandem)
        print(f"    at most {most} of {capacities}; {got} calls completed, {refused} refused")
        expect(most == capacities, f"at most {most} calls at a time")
        expect(0.65 < got[0] / sum(got) < 0.85, f"the calls went to {got}")
        # A refusal leaves no state: an INVITE that is repeated is refused and counted again.
        expect(answered >= sum(capacities) and refused >= calls - answered > 0,
               f"{answered} answered, {refused} refused")
        left = [one["ACTIVE"] for one in tandem.destinations()]
        expect(left == [0, 0], f"calls left in the books: {left}")
    with_tandem(build, job, workers=2, algorithm="least_calls", backends=(), group_extra=text)


def first_answer_wins(build):
    """Both ring; the quicker one answers, the other one is cancelled, and nothing is left of it."""
    calls = 400

    def job(tandem):
        backends = Backends(())
        backends.start("b1:5060", sipp_scenario.simple_callee(thinks_ms=50))
        backends.start("b2:5060", cases.cancel(ringing=True)[1])
        expect_all_complete(start_calls(calls, hold_ms=100), calls)
        slow = backends.all["b2:5060"]
        lab_tools.wait_until(lambda: slow.counts()[1] == calls, 15, "all to be cancelled")
        got = [(one["CALLS"], one["ACTIVE"]) for one in tandem.destinations()]
        expect(got == [(calls, 0), (calls, 0)], f"calls, and those still up: {got}")
    with_tandem(build, job, algorithm="parallel", backends=(),
                group_extra=destinations("b1:5060", "b2:5060"))


def calls_of(tandem):
    return [one["CALLS"] for one in tandem.destinations()]


def share_of_some(tandem, calls):
    """Where so many calls go."""
    before = calls_of(tandem)
    expect_all_complete(start_calls(calls, hold_ms=0), calls)
    return [now - then for now, then in zip(calls_of(tandem), before)]


def weights_hold_without_one(build):
    """Weights hold among those of a priority; when one is taken out, the others have its calls in
    the same proportion; and the next priority has them when nobody of the first is left."""
    calls = 400

    def weighted(tandem):
        Backends(NAMES)
        tandemctl(tandem, "disable", uri(NAMES[0]))
        got = share_of_some(tandem, calls)
        expect(got[0] == 0 and near(got[1], 0.5, calls), f"without the heaviest one: {got}")
        tandemctl(tandem, "enable", uri(NAMES[0]))
        tandemctl(tandem, "disable", uri(NAMES[2]))
        got = share_of_some(tandem, calls)
        expect(got[2] == 0 and near(got[1], 1 / 3, calls), f"without a light one: {got}")

    def within_a_priority(tandem):
        Backends(NAMES)
        got = share_of_some(tandem, calls)
        expect(got[2] == 0 and near(got[0], 0.75, calls), f"of two of the best priority: {got}")
        tandemctl(tandem, "disable", uri(NAMES[0]))
        expect(share_of_some(tandem, 50) == [0, 50, 0], "not all to the one that is left")
        tandemctl(tandem, "disable", uri(NAMES[1]))
        expect(share_of_some(tandem, 50) == [0, 0, 50], "not all to the next priority")
    for algorithm in ("hash", "random"):
        with_tandem(build, weighted, algorithm=algorithm, backends=(), group_extra=(
            "slow_start_ms = 0\n" + destinations(*NAMES, weights=WEIGHTS)))
    first, second, third = destinations(*NAMES, weights=(3, 1, 1)).split("[[")[1:]
    with_tandem(build, within_a_priority, algorithm="random", backends=(), group_extra=(
        f"[[{first}priority = 10\n[[{second}priority = 10\n[[{third}"))


def least_work_sees_who_is_behind(build):
    """Who needs longer for an answer has work left when the next call comes, and gets few."""
    calls = 400

    def job(tandem):
        backends = Backends(TWO[:1])
        backends.start(TWO[1], sipp_scenario.simple_callee(rings=False, thinks_ms=100))
        got = share_of_some(tandem, calls)
        print(f"    {got}")
        expect(0 < got[1] < 0.25 * calls, f"the one that is behind got {got[1]} of {calls}")
    with_tandem(build, job, algorithm="least_work", backends=(), group_extra=destinations(*TWO))


def answers_that_end_the_search(build):
    """After a code of failover_codes the next one is asked, after a 6xx nobody, and the caller is
    told the 6xx."""
    calls = 200

    def job(tandem):
        backends = Backends(TWO[1:])
        backends.start(TWO[0], cases.failed_call(480)[1])
        got = share_of_some(tandem, calls)
        expect(got == [calls // 2, calls], f"the calls went to {got}")
        backends.kill(TWO[0])
        backends.start(TWO[0], cases.failed_call(603)[1])
        before = calls_of(tandem)
        caller = lab_tools.Sipp("ua", sipp_scenario.call_or(603), FOLDER, "either", arguments=(
            "-m", str(calls), "-r", "200", "-l", str(calls), "198.18.0.1:5060")).start()
        expect_all_complete(caller, calls)
        got = [now - then for now, then in zip(calls_of(tandem), before)]
        expect(got == [calls // 2, calls // 2], f"after a 603 the calls went to {got}")
    with_tandem(build, job, backends=(),
                group_extra="failover_codes = [480]\n" + destinations(*TWO))


def busy_by_probes_at_load(build):
    """One that answers probes with 503 gets no call, is not taken for dead, and when it answers
    otherwise begins with a small share."""
    def job(tandem):
        backends = Backends(TWO[1:], probed_callee())
        backends.start(TWO[0], probed_callee(503))
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "busy", 5, "busy")
        caller = start_calls(hold_ms=300)
        lab_tools.wait_until(lambda: destination(tandem, TWO[1])["CALLS"] > 300, 10, "300 calls")
        expect(state_of(tandem, TWO[0]) == "busy", f"it is {state_of(tandem, TWO[0])}")
        expect(calls_of(tandem)[0] == 0, "calls to one that is busy")
        backends.kill(TWO[0])
        backends.start(TWO[0], probed_callee())
        lab_tools.wait_until(lambda: state_of(tandem, TWO[0]) == "active", 5, "active")
        before = calls_of(tandem)
        lab_tools.wait_until(lambda: calls_of(tandem)[1] > before[1] + 150, 5, "150 calls")
        got = [now - then for now, then in zip(calls_of(tandem), before)]
        print(f"    of the first calls afterwards they got {got}")
        expect(0 < got[0] < 0.75 * got[1], f"of the first calls afterwards they got {got}")
        expect_none_lost(caller)
    with_tandem(build, job, backends=(), group_extra="slow_start_ms = 8000\n" + destinations(*TWO)
                + "[group.probe]\ninterval_ms = 300\ntimeout_ms = 250\ndown = 10\n")


JOBS = (capacity_is_kept, first_answer_wins, weights_hold_without_one,
        least_work_sees_who_is_behind, answers_that_end_the_search, busy_by_probes_at_load)
