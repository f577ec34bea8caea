"""Rules with real calls: numbers rewritten and sent to their group, calls refused, busy ones sent
to voicemail, limits, and what tandemctl says of it."""
import os
import subprocess

import lab_tools
from balance import Backends, expect_all_complete, start_calls, tandemctl, uri
from checks import FOLDER, expect, with_tandem
from sipp_scenario import (SDP, ack, answer, bye, hop_ack, invite, scenario, simple_callee, want)

HERE = os.path.dirname(os.path.abspath(__file__))
LOCAL, PSTN, VOICEMAIL = "b1:5060", "b2:5060", "b2:5061"
CALLS, RATE = 200, 100


def group(name, backend):
    return f'[[group]]\nname = "{name}"\n[[group.destination]]\nuri = "{uri(backend)}"\n'


def rules():
    return group("pstn", PSTN) + group("voicemail", VOICEMAIL) + """
[[rule]]
name = "premium"
method = "INVITE"
user_regex = "^(00|\\\\+)4?900"
reject = 403
reason = "No premium numbers"
[[rule]]
name = "international"
source = "198.18.0.0/24"
user_prefix = "00"
strip = 2
prefix = "+"
add_header = "X-Trunk: ${source}"
group = "pstn"
[[rule]]
name = "two at a time"
user = "desk"
capacity = 2
refusal = 486
[[rule]]
name = "hide"
on = "response"
status = "2xx"
remove_header = "Server"
[[rule]]
name = "voicemail"
on = "failure"
status = 486
from_user = "caller"
set_user = "mailbox"
group = "voicemail"
"""


def checked(expression, header=""):
    """A recv action that fails the call where the message is not as it should be."""
    place = f'search_in="hdr" header="{header}"' if header else 'search_in="msg"'
    return f'<action><ereg regexp="{expression}" {place} check_it="true" assign_to="1"/></action>'


def callee(name, expression):
    return scenario(name, [
        want("INVITE", dialog=True, actions=checked(expression)), '<Reference variables="1"/>\n',
        answer(180, "Ringing"), answer(200, "OK", body=SDP, headers="Server: secret\n",
                                       retrans=500),
        want("ACK"), want("BYE"), answer(200, "OK", tag="")])


def call_to(user, *steps, port=5060):
    first = invite(uri=f"sip:{user}@[remote_ip]:[remote_port]", rtd_start=False)
    return lab_tools.Sipp("ua", scenario("call", [first, want(100, optional=True), *steps]), FOLDER,
                          f"ua-{user}", port=port, arguments=(
                              "-m", str(CALLS), "-r", str(RATE), "-l", str(CALLS),
                              "198.18.0.1:5060"))


COMPLETES = (want(180, optional=True), want(200, dialog=True), ack(), bye(), want(200))


def rules_at_load(build):
    """Four kinds of calls at the same time, each at 100/s."""
    def job(tandem):
        busy = scenario("busy", [want("INVITE"), answer(486, "Busy Here", retrans=500),
                                 want("ACK")])
        backends = Backends((LOCAL,), busy)
        backends.start(PSTN, callee("pstn", r"INVITE sip:\+49[0-9]+@.*X-Trunk: 198.18.0.10"))
        backends.start(VOICEMAIL, callee("voicemail", "INVITE sip:mailbox@"))
        callers = [call_to("0049301234", *COMPLETES), call_to("bob", *COMPLETES, port=5062),
                   call_to("004900666", want(403), hop_ack(2), port=5064)]
        for caller in callers:
            caller.start()
        for caller in callers:
            expect_all_complete(caller, CALLS)
        hits = {one["name"]: one["hits"] for one in tandem.rpc("rules.list")["rules"]}
        print(f"    {hits}")
        expect(hits["premium"] == CALLS and hits["international"] == CALLS
               and hits["voicemail"] == CALLS and hits["hide"] >= 2 * CALLS, f"hits {hits}")
        statistics = tandem.statistics()
        expect(statistics["rejected_rule"] == CALLS and statistics["rerouted"] == CALLS,
               f"{statistics}")
    with_tandem(build, job, backends=("b1",), extra=rules())


def rule_limits_calls(build):
    """Calls beyond the limit of a rule are refused; reload keeps the count."""
    def job(tandem):
        Backends((LOCAL,), simple_callee())
        held = lab_tools.Sipp("ua", scenario("held", [
            invite(uri="sip:desk@[remote_ip]:[remote_port]", rtd_start=False),
            want(100, optional=True),
            want(180, optional=True), want(200, dialog=True), ack(),
            '<pause milliseconds="4000"/>\n', bye(), want(200)]), FOLDER, "held", arguments=(
                "-m", "2", "-r", "10", "198.18.0.1:5060")).start()

        def calls():
            return next(one["calls"] for one in tandem.rpc("rules.list")["rules"]
                        if one["name"] == "two at a time")
        lab_tools.wait_until(lambda: calls() == 2, 5, "two calls")
        tandem.rpc("config.reload")
        more = call_to("desk", want(486), hop_ack(2), port=5062).start()
        expect_all_complete(more, CALLS)
        expect_all_complete(held, 2)
        lab_tools.wait_until(lambda: calls() == 0, 5, "the end of the calls")
    extra = rules().replace('from_user = "caller"', 'from_user = "nobody"')
    with_tandem(build, job, backends=("b1",), extra=extra)


FLOOD_S, FLOOD_RATE, SOURCES = 10, 4000, 10000


def flood_of_strangers(build):
    """Twenty times as many INVITEs as calls, from 10,000 addresses, none of which sends much: a
    rule keeps them to a rate, and no call of a customer is lost."""
    def job(tandem):
        Backends((LOCAL,))
        mac = subprocess.run(lab_tools.in_namespace("lb", "cat", "/sys/class/net/eth0/address"),
                             capture_output=True, text=True, check=True).stdout.strip()
        calls = FLOOD_RATE // 20 * FLOOD_S
        alone = start_calls(calls // 2)
        expect_all_complete(alone, calls // 2)
        before = set_up_ms(alone)
        caller = start_calls(calls)
        flood = subprocess.Popen(lab_tools.in_namespace(
            "ua", "python3", f"{HERE}/many_sources.py", "eth0", mac, str(SOURCES),
            str(FLOOD_RATE), str(FLOOD_S)), stdout=subprocess.PIPE, text=True)
        try:
            sent = int(flood.communicate(timeout=60)[0])
            expect_all_complete(caller, calls)
        finally:
            flood.kill()
            flood.wait()
        statistics = tandem.statistics()
        refused, calls_of_all = statistics["rejected_limit"], statistics["calls"]
        print(f"    {sent} INVITEs of {SOURCES} strangers: {refused} refused; {calls} of {calls} "
              f"calls complete; set-up {before} ms alone, {set_up_ms(caller)} ms beside them")
        expect(sent > 0.9 * FLOOD_RATE * FLOOD_S, f"the flood was {sent} INVITEs only")
        # The rate, and what may come at once.
        let_in = calls_of_all - calls - calls // 2
        expect(let_in <= 20 * (FLOOD_S + 3), f"{let_in} strangers were let in")
        expect(refused >= sent - let_in - statistics["drop_overload"] - 0.02 * sent,
               f"{refused} refused, {let_in} let in, of {sent}")
    strangers = """
[[rule]]
name = "customers"
source = "198.18.0.0/24"
stop = true
[[rule]]
name = "strangers"
method = "INVITE"
calls_per_s = 20
"""
    way_back = ["route", "add", "198.18.64.0/18", "via", "198.18.0.10"]
    subprocess.run(["ip", "-n", "tandem-lb", *way_back], check=True)
    try:
        with_tandem(build, job, backends=("b1",), extra=strangers)
    finally:
        subprocess.run(["ip", "-n", "tandem-lb", "route", "del", *way_back[2:]], check=True)


def set_up_ms(caller):
    """On average, as SIPp measures it: h:m:s:microseconds since the start."""
    hours, minutes, seconds, micros = caller.totals()["ResponseTime1(C)"].split(":")
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + int(micros) // 1000


def explained(build):
    """tandemctl rules and explain, of a running Tandem."""
    message = f"{FOLDER}/invite.sip"
    with open(message, "w", encoding="ascii", newline="") as file:
        file.write("INVITE sip:0049301234@198.18.0.1 SIP/2.0\r\n"
                   "Via: SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK1\r\n"
                   "From: <sip:caller@198.18.0.10>;tag=1\r\nTo: <sip:bob@198.18.0.1>\r\n"
                   "Call-ID: 1@198.18.0.10\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")

    def job(tandem):
        said = tandemctl(tandem, "explain", message, "--source", "198.18.0.10")
        for part in ("international: strip 2, prefix +", 'because user is "0049301234"',
                     "sent to group pstn", "chosen", "INVITE sip:+49301234@198.18.0.1"):
            expect(part in said, f"no {part!r} in what explain said:\n{said}")
        said = tandemctl(tandem, "explain", message, "--source", "198.19.0.10")
        expect("sent to group backends" in said and "international" not in said, said)
        listed = tandemctl(tandem, "rules")
        expect("two at a time" in listed and "at most 2 calls" in listed, listed)
    with_tandem(build, job, backends=("b1",), extra=rules())
