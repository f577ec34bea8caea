"""Call flows through Tandem: what the caller does, what the backend does."""
from sipp_scenario import (SDP, ack, answer, bye, hop_ack, invite, pause, request, scenario,
                           simple_call, simple_callee, want)

LONG_BODY = "".join(f"line {number:04d} of a body that does not fit one packet\n"
                    for number in range(80))
TIMEWAIT = '<timewait milliseconds="2000"/>\n'
REMEMBER_BOTH = ('<action>'
                 '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>'
                 '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="callee"/></action>')

VIAS = ("via_one", "via_two")
REMEMBER_VIAS = "<action>" + "".join(
    f'<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="{number}" assign_to="{name}"/>'
    for number, name in enumerate(VIAS, 1)) + "</action>"

CALLEE_ANSWERS = [want("INVITE", dialog=True), answer(180, "Ringing"),
                  answer(200, "OK", body=SDP, retrans=500), want("ACK")]
CALLER_CALLS = [invite(), want(100, optional=True), want(180, optional=True),
                want(200, dialog=True, rtd=True), ack()]


def in_dialog(method, cseq, body=""):
    """One more exchange inside the dialog, as caller's and callee's steps."""
    callee_acks = [want("ACK")] if method == "INVITE" else []
    caller_acks = [ack(cseq=cseq)] if method == "INVITE" else []
    return ([request(method, cseq=cseq, to="peer", body=body),
             want(100, optional=True), want(200), *caller_acks],
            [want(method), answer(200, "OK", tag="", body=body,
                                  retrans=500 if method == "INVITE" else 0), *callee_acks])


def with_in_dialog(method, body=""):
    caller, callee = in_dialog(method, 2, body)
    return (scenario(method, CALLER_CALLS + caller + [bye(cseq=3), want(200)]),
            scenario(method, CALLEE_ANSWERS + callee + [want("BYE"), answer(200, "OK", tag=""),
                                                        TIMEWAIT]))


def cancel(ringing):
    # [branch-N] is the branch that the message N steps before had: that of the INVITE.
    steps_before = 3 if ringing else 2
    caller = [invite(rtd_start=False), want(100), *([want(180)] if ringing else []),
              request("CANCEL", body="", via_branch=f"[branch-{steps_before}]"),
              want(200), want(487),
              hop_ack(steps_before + 3)]
    callee = [want("INVITE", actions=REMEMBER_VIAS),
              answer(180, "Ringing") if ringing else answer(100, "Trying", tag=""),
              want("CANCEL"), answer(200, "OK"),
              answer(487, "Request Terminated", cseq="1 INVITE", vias=VIAS, retrans=500),
              want("ACK"),
              TIMEWAIT]
    return scenario("cancel", caller), scenario("cancel", callee)


def failed_call(code):
    caller = [invite(rtd_start=False), want(100, optional=True), want(code),
              hop_ack(3)]
    callee = [want("INVITE"), answer(code, "No", retrans=500), want("ACK"), TIMEWAIT]
    return scenario(str(code), caller), scenario(str(code), callee)


def callee_hangs_up():
    hang_up = """<send retrans="500"><![CDATA[

BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From:[$callee];tag=[pid]s[call_number]
To:[$caller]
Call-ID: [call_id]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
"""
    callee = [want("INVITE", dialog=True, actions=REMEMBER_BOTH), answer(180, "Ringing"),
              answer(200, "OK", body=SDP, retrans=500), want("ACK"), pause(50), hang_up, want(200)]
    caller = CALLER_CALLS + [want("BYE"), answer(200, "OK", tag="", contact=False), TIMEWAIT]
    return scenario("callee hangs up", caller), scenario("callee hangs up", callee)


def single(method, body=""):
    return (scenario(method, [request(method, body=body, rtd_start=True), want(200, rtd=True)]),
            scenario(method, [want(method), answer(200, "OK"), TIMEWAIT]))


def repeated_200():
    callee = [want("INVITE", dialog=True), answer(180, "Ringing"), pause(300),
              answer(200, "OK", body=SDP), want("ACK"), pause(100), answer(200, "OK", body=SDP),
              want("ACK"), want("BYE"), answer(200, "OK", tag=""), TIMEWAIT]
    caller = CALLER_CALLS + [pause(300), bye(), want(200)]
    return scenario("repeated 200", caller), scenario("repeated 200", callee)


def lost_ack():
    caller = [invite(), want(100, optional=True), want(180, optional=True),
              want(200, dialog=True, rtd=True), pause(700), ack(), bye(), want(200)]
    return scenario("lost ACK", caller), simple_callee()


def no_answer():
    caller = [invite(retrans=0, rtd_start=False), want(100, optional=True), want(408),
              hop_ack(3)]
    return scenario("no answer", caller), scenario("silent", [want("INVITE"), pause(60000)])


# name: (caller, callee)
FLOWS = {
    "call": (simple_call(), simple_callee()),
    "cancel_before_180": cancel(ringing=False),
    "cancel_after_180": cancel(ringing=True),
    "busy": failed_call(486),
    "callee_hangs_up": callee_hangs_up(),
    "reinvite": with_in_dialog("INVITE", SDP),
    "update": with_in_dialog("UPDATE", SDP),
    "info": with_in_dialog("INFO", "Signal=5"),
    "options": single("OPTIONS"),
    "message": single("MESSAGE", "hello"),
    "long_invite": (
        scenario("long", [invite(body=LONG_BODY), *CALLER_CALLS[1:], bye(), want(200)]),
        scenario("long", [want("INVITE", dialog=True), answer(180, "Ringing"),
                          answer(200, "OK", body=LONG_BODY, retrans=500), want("ACK"), want("BYE"),
                          answer(200, "OK", tag=""), TIMEWAIT])),
    "repeated_200": repeated_200(),
    "lost_ack": lost_ack(),
}
