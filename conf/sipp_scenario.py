"""SIPp scenarios from a few words: what is sent, what is expected, in order.

    caller([invite(), want(100, optional=True), want(180), want(200, dialog=True), ack(), bye(),
            want(200)])
"""
from xml.sax.saxutils import escape

SDP = """v=0
o=- 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""


def request(method, cseq=1, uri="sip:service@[remote_ip]:[remote_port]", to="", body="",
            headers="", via_branch="[branch]", rtd_start=False, retrans=500, tagged=False):
    """A request of the caller. In a dialog (to="peer") it goes along the recorded route."""
    in_dialog = to == "peer"
    if in_dialog:
        uri = "[next_url]"
    kind = "Content-Type: application/sdp\n" if body == SDP else \
        "Content-Type: text/plain\n" if body else ""
    text = (f"{method} {uri} SIP/2.0\n"
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={via_branch}\n"
            "From: <sip:caller@[local_ip]:[local_port]>;tag=[pid]c[call_number]\n"
            "To: <sip:service@[remote_ip]:[remote_port]>"
            f"{'[peer_tag_param]' if in_dialog or tagged else ''}\n"
            "Call-ID: [call_id]\n"
            f"CSeq: {cseq} {method}\n"
            + ("[routes]\n" if in_dialog else "")
            + "Contact: <sip:caller@[local_ip]:[local_port]>\nMax-Forwards: 70\n"
            + f"{headers}{kind}Content-Length: [len]\n\n{body}")
    again = f' retrans="{retrans}"' if retrans and method != "ACK" else ""
    start = ' start_rtd="1"' if rtd_start else ""
    return f"<send{again}{start}><![CDATA[\n\n{text}\n]]></send>\n"


def invite(**more):
    return request("INVITE", **{"body": SDP, "rtd_start": True, **more})


def ack(cseq=1, to="peer", **more):
    return request("ACK", cseq=cseq, to=to, **more)


def hop_ack(steps_back):
    """The ACK of a final response that is not 2xx: the branch is that of the INVITE."""
    return request("ACK", via_branch=f"[branch-{steps_back}]", tagged=True)


def bye(cseq=2, **more):
    return request("BYE", cseq=cseq, to="peer", **more)


def want(what, optional=False, dialog=False, rtd=False, actions="", timeout=0, then=""):
    """A response code or a request method that must come; `then` is the label to go on at."""
    kind = "response" if isinstance(what, int) else "request"
    attributes = f'{kind}="{what}"'
    attributes += ' optional="true"' if optional else ""
    attributes += ' rrs="true"' if dialog else ""
    attributes += ' rtd="1"' if rtd else ""
    attributes += f' timeout="{timeout}"' if timeout else ""
    attributes += f' next="{then}"' if then else ""
    return f"<recv {attributes}>{actions}</recv>\n"


def answer(code, reason="Answer", contact=True, body="", headers="", retrans=0,
           tag="[pid]s[call_number]", cseq="", vias=()):
    """A response to the request that came last, or to the one of the transaction `cseq`, whose Via
    values are in the variables `vias`."""
    via_lines = "\n".join(f"Via:[${name}]" for name in vias) or "[last_Via:]"
    has_tag = f";tag={tag}" if tag else ""
    kind = "Content-Type: application/sdp\n" if body == SDP else \
        "Content-Type: text/plain\n" if body else ""
    text = (f"SIP/2.0 {code} {reason}\n{via_lines}\n[last_Record-Route:]\n[last_From:]\n"
            f"[last_To:]{has_tag}\n[last_Call-ID:]\n{f'CSeq: {cseq}' if cseq else '[last_CSeq:]'}\n"
            + ("Contact: <sip:callee@[local_ip]:[local_port]>\n" if contact else "")
            + f"{headers}{kind}Content-Length: [len]\n\n{body}")
    again = f' retrans="{retrans}"' if retrans else ""
    return f"<send{again}><![CDATA[\n\n{text}\n]]></send>\n"


def label(name):
    return f'<label id="{name}"/>\n'


def pause(milliseconds):
    return f'<pause milliseconds="{milliseconds}"/>\n'


def scenario(name, steps):
    head = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
    return f'{head}<scenario name="{escape(name)}">\n{"".join(steps)}</scenario>\n'


def simple_call(hold_ms=0):
    return scenario("caller", [
        invite(), want(100, optional=True), want(180, optional=True),
        want(200, dialog=True, rtd=True), ack(), pause(hold_ms), bye(), want(200)])


def call_or(code, hold_ms=0):
    """A call that is answered, or gets that code: both are fine."""
    return scenario("completed or refused", [
        invite(rtd_start=False), want(100, optional=True), want(code, optional=True, then="1"),
        want(200, dialog=True), ack(), pause(hold_ms), bye(), want(200, then="2"), label("1"),
        hop_ack(8), label("2"), pause(1)])


def simple_callee(rings=True, retrans=500, timewait_ms=4000, thinks_ms=0):
    return scenario("callee", [
        want("INVITE", dialog=True), answer(180, "Ringing") if rings else "",
        pause(thinks_ms) if thinks_ms else "",
        answer(200, "OK", body=SDP, retrans=retrans), want("ACK", optional=False),
        want("BYE"), answer(200, "OK", tag=""),
        f'<timewait milliseconds="{timewait_ms}"/>\n'])
