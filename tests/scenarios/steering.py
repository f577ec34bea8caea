"""What an operator sees, over HTTP: the page in a real browser, metrics, JSON-RPC behind its
token."""
import json
import os
import re
import subprocess

from prometheus_client.parser import text_string_to_metric_families

import lab_tools
import sipp_scenario
from balance import Backends, destination, destinations, expect_all_complete, start_calls, uri
from checks import FOLDER, expect, with_tandem

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TWO = ("b1:5060", "b2:5060")
URL = "http://127.0.0.1:8060"
TOKEN = "0123456789abcdef-lab"


def curl(path, *arguments):
    """Status and body, as curl gets them in the namespace of the load balancer."""
    done = subprocess.run(lab_tools.in_namespace(
        "lb", "curl", "-s", "-m", "5", "-w", "\n%{http_code}", *arguments, f"{URL}{path}"),
        capture_output=True, text=True)
    body, _, code = done.stdout.rpartition("\n")
    return int(code), body


def rpc(method, *params, token=TOKEN):
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return curl("/RPC", "-H", f"Authorization: Bearer {token}", "-d", request)


def with_http(build, job, more="", extra=""):
    token_file = f"{FOLDER}/token"
    with open(token_file, "w", encoding="ascii") as file:
        file.write(TOKEN + "\n")
    with_tandem(build, job, backends=(), group_extra=destinations(*TWO),
                management=f'http = "127.0.0.1:8060"\ntoken_file = "{token_file}"\n{more}',
                extra=extra)


def page_in_a_browser(build):
    """Drained and enabled by its buttons, while calls come; nothing from outside, no complaint."""
    picture = f"{FOLDER}/page.png"

    def job(tandem):
        Backends(TWO)
        calls = start_calls(3000, rate=100, hold_ms=2000)
        done = subprocess.run(lab_tools.in_namespace(
            "lb", "python3", f"{HERE}/browser.py", URL, TOKEN, uri(TWO[0]), picture),
            capture_output=True, text=True, timeout=90)
        expect(done.returncode == 0, done.stderr)
        seen = json.loads(done.stdout)
        expect(seen["locked"], "without the token the buttons work")
        expect(not seen["outside"], f"resources from outside: {seen['outside']}")
        expect(not seen["log"], f"the browser complains: {seen['log']}")
        for text in ("calls begun", "post-dial delay", "What happened", uri(TWO[1]), "→ draining"):
            expect(text in seen["text"], f"no {text!r} in the page:\n{seen['text']}")
        expect(os.path.getsize(picture) > 10000, "the picture is empty")
        calls.stop()
    with_http(build, job)


def metrics_and_dashboard(build):
    """Prometheus' own parser reads the metrics; the dashboard asks for nothing that is not there;
    the figures are those of the calls that were made."""
    def job(tandem):
        Backends(TWO)
        expect_all_complete(start_calls(200), 200)
        code, text = curl("/metrics")
        expect(code == 200, f"/metrics: {code}")
        families = {one.name: one for one in text_string_to_metric_families(text)}
        names = {sample.name for one in families.values() for sample in one.samples}
        answered = sum(sample.value for sample in families["tandem_destination_answered"].samples)
        expect(answered == 200, f"{answered} answered")
        setup = {sample.name: sample.value
                 for sample in families["tandem_call_setup_seconds"].samples}
        expect(setup["tandem_call_setup_seconds_count"] == 200, f"{setup}")
        invites = [sample.value for sample in families["tandem_requests"].samples
                   if sample.labels == {"listen": "198.18.0.1:5060", "method": "INVITE"}]
        expect(invites == [200], f"INVITEs: {invites}")
        sent = [sample.value for sample in families["tandem_responses"].samples
                if sample.labels == {"listen": "198.18.0.1:5060", "direction": "out",
                                     "method": "INVITE", "code": "200"}]
        expect(sent == [200], f"200 to INVITE: {sent}")
        given = {}
        for sample in families["tandem_destination_responses"].samples:
            code = sample.labels["code"]
            given[code] = given.get(code, 0) + sample.value
        expect(set(given) == {"200"} and given["200"] >= 200, f"destinations gave {given}")
        packets = sum(sample.value for sample in families["tandem_packets"].samples)
        events = {name: sample.value for name, one in families.items() for sample in one.samples}
        expect(packets == events["tandem_packets_in"], f"{packets} fates of {events}")
        pools = {sample.labels["pool"]: sample.value
                 for sample in families["tandem_pool_in_use"].samples}
        expect(pools["small"] > 0 and pools["large"] == 0, f"packets in use: {pools}")
        received = sum(sample.value for sample in families["tandem_port_received"].samples)
        expect(received >= 200 * 5, f"the port received {received} frames")
        with open(f"{ROOT}/conf/grafana.json", encoding="utf-8") as file:
            dashboard = json.load(file)
        asked = {name for panel in dashboard["panels"] for target in panel.get("targets", [])
                 for name in re.findall(r"\btandem_[a-z_]+", target["expr"])}
        expect(len(asked) > 15, f"the dashboard asks for {asked}")
        # What never happened has no line yet, but a family.
        known = names | {f"{name}_total" for name in families} | set(families)
        expect(asked <= known, f"the dashboard asks for {asked - known}")
        print(f"    {len(families)} families, {len(text.splitlines())} lines; "
              f"the dashboard uses {len(asked)}")
    with_http(build, job)


def nothing_without_the_token(build):
    """Reading is open on loopback, unless it is closed; changing never is."""
    def job(tandem):
        expect(curl("/")[0] == 200 and curl("/live")[0] == 200, "the page is not open")
        expect(curl("/health") == (200, "well\n"), f"/health: {curl('/health')}")
        expect(curl("/live", "-H", "Host: evil.example")[0] == 401, "a foreign Host was believed")
        expect(curl("/RPC")[0] == 405 and curl("/nothing")[0] == 404, "unknown things answered")
        for token in ("", "wrong", TOKEN[:-1], TOKEN + "x"):
            code, body = rpc("dispatcher.disable", uri(TWO[0]), token=token)
            expect(code == 401, f"token {token!r}: {code} {body}")
        expect(destination(tandem, TWO[0])["STATE"] == "active", "disabled without a token")
        code, body = rpc("dispatcher.disable", uri(TWO[0]))
        expect(code == 200 and json.loads(body)["result"]["ACTIVE"] == 0, f"{code} {body}")
        expect(destination(tandem, TWO[0])["STATE"] == "disabled", "not disabled")
        expect(rpc("dispatcher.enable", uri(TWO[0]))[0] == 200, "not enabled again")
        expect(json.loads(rpc("no.method")[1])["error"]["message"] == "Method Not Found", "rpc")
        expect(curl("/RPC", "-H", f"Authorization: Bearer {TOKEN}", "-d", "x" * 70000)[0] == 413,
               "a request of 70,000 bytes was read")
        with open(tandem.config, encoding="ascii") as file:
            text = file.read()
        with open(tandem.config, "w", encoding="ascii") as file:
            file.write(text.replace("[management]", "[management]\nopen_reading = false"))
        tandem.rpc("config.reload")
        lab_tools.wait_until(lambda: curl("/live")[0] == 401, 5, "closed reading")
        expect(curl("/metrics", "-H", f"Authorization: Bearer {TOKEN}")[0] == 200, "metrics")
        expect(TOKEN not in tandem.log_text(), "the token is in the log")
    with_http(build, job)


def tls(build):
    """The same over TLS."""
    certificate, key = f"{FOLDER}/tls.pem", f"{FOLDER}/tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                    "-out", certificate, "-days", "1", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)

    def job(tandem):
        done = subprocess.run(lab_tools.in_namespace(
            "lb", "curl", "-s", "-m", "5", "--cacert", certificate,
            "https://127.0.0.1:8060/health"), capture_output=True, text=True)
        expect(done.stdout == "well\n", f"over TLS: {done.stdout}{done.stderr}")
        expect(curl("/health")[0] == 0, "plain HTTP was answered")
    with_http(build, job, f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n')


# A collector that is not ours: it logs what it makes of each packet.
COLLECTOR = """
debug=2
log_stderror=yes
children=1
disable_tcp=yes
listen=udp:{address}:9060
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "db_text.so"
loadmodule "sipcapture.so"
modparam("sipcapture", "hep_capture_on", 1)
modparam("sipcapture", "capture_on", 1)
modparam("sipcapture", "db_url", "text://{folder}/captured")
request_route {{
  xlog("L_ERR", "CAPTURED $si:$sp $rm\n");
  exit;
}}
reply_route {{
  xlog("L_ERR", "CAPTURED $si:$sp $rs\n");
  drop;
}}
"""


class Collector:
    """Kamailio's sipcapture in tandem-b2, as a real receiver of HEPv3."""

    def __init__(self):
        config = f"{FOLDER}/collector.cfg"
        os.makedirs(f"{FOLDER}/captured", exist_ok=True)
        with open(config, "w", encoding="ascii") as file:
            file.write(COLLECTOR.format(address=lab_tools.address("b2"), folder=FOLDER))
        self.log = f"{FOLDER}/collector.log"
        with open(self.log, "w", encoding="utf-8") as output:
            self.process = subprocess.Popen(lab_tools.in_namespace(
                "b2", "kamailio", "-f", config, "-DD", "-E", "-m", "64", "-M", "8",
                "-P", f"{FOLDER}/collector.pid", "-Y", FOLDER), stdout=output, stderr=output)
        lab_tools.wait_for_port("b2", 9060)

    def captured(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return [line.split("CAPTURED ", 1)[1].split() for line in file if "CAPTURED " in line]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def traced_call(build):
    """One user's call among those of others, as a ladder, as a capture file, and at a collector."""
    capture = f"{FOLDER}/call.pcap"

    def job(tandem):
        Backends(TWO)
        others = start_calls(200, rate=100)
        trace = subprocess.Popen([f"{build}/control/tandemctl", "-s", tandem.socket, "trace",
                                  "--user", "carol", "--seconds", "4", "--pcap", capture],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lab_tools.wait_until(lambda: os.path.exists(capture), 5, "the trace to begin")
        lab_tools.wait_until(lambda: tandem.rpc("trace.messages")["active"], 5, "the trace")
        call = sipp_scenario.scenario("carol", [
            sipp_scenario.invite(uri="sip:carol@[remote_ip]:[remote_port]", rtd_start=False),
            sipp_scenario.want(100), sipp_scenario.want(200, dialog=True), sipp_scenario.ack(),
            sipp_scenario.bye(), sipp_scenario.want(200)])
        carol = lab_tools.Sipp("ua", call, FOLDER, "carol", port=5070, arguments=(
            "-m", "1", "198.18.0.1:5060")).start()
        expect_all_complete(carol, 1)
        ladder, errors = trace.communicate(timeout=20)
        expect_all_complete(others, 200)
        expect(trace.returncode == 0 and not errors, f"tandemctl trace: {errors}")
        print("    " + ladder.replace("\n", "\n    ").rstrip())
        arrows = [line for line in ladder.splitlines() if "->" in line or "<-" in line]
        # INVITE, 100, 200, ACK, BYE, 200, each but the 100 on both sides; the user is in the first.
        expect(len(arrows) == 11 and "INVITE carol@" in arrows[0] and "100 Trying" in arrows[1]
               and "BYE" in arrows[-4], f"the ladder:\n{ladder}")
        expect(ladder.count("198.18.0.10:5070") == 2 and "198.18.0.10:5060" not in ladder, ladder)
        with open(capture, "rb") as file:
            expect(file.read().count(b"CSeq:") == 11, "the capture file")
        lab_tools.wait_until(lambda: len(collector.captured()) == 11, 5, "the captured messages")
        captured = collector.captured()
        expect(captured[0] == ["198.18.0.10:5070", "INVITE"]
               and captured[1] == ["198.18.0.1:5060", "100"], f"the collector saw {captured}")
    collector = None
    try:
        collector = Collector()
        with_tandem(build, job, backends=(), group_extra=destinations(*TWO),
                    extra='[trace]\nhep = "198.18.0.22:9060"\n')
    finally:
        if collector:
            collector.stop()


def watched_at_load(build):
    """Metrics, page and list are read without a pause, and all messages go to a collector that is
    not there: no call notices."""
    calls, rate = 3000, 500

    def job(tandem):
        Backends(TWO)
        tandem.rpc("trace.start", ["all", "", 60])
        caller = start_calls(calls, rate=rate, hold_ms=0)
        reads = 0
        while caller.process.poll() is None:
            for path in ("/metrics", "/live"):
                code, text = curl(path)
                expect(code == 200 and len(text) > 1000, f"{path}: {code}, {len(text)} bytes")
            expect(len(tandem.destinations()) == 2, "the list")
            reads += 1
        expect_all_complete(caller, calls)
        again = int(caller.totals()["Retransmissions(C)"])
        trace = tandem.rpc("trace.messages")
        print(f"    read {reads} times beside {rate} calls/s; {again} messages were sent again; "
              f"{trace['newest']} copies, {trace['lost']} of them lost")
        expect(again <= calls / 100, f"{again} messages were sent again")
        expect(trace["newest"] > 10 * calls and trace["lost"] > 0, f"copies: {trace['newest']}")
        expect(reads > 20, f"read {reads} times")
    with_http(build, job, extra=f'[trace]\nhep = "{lab_tools.address("b2")}:9060"\n')


def completed_in_bash(build):
    """Commands, and the destinations that there are."""
    def job(tandem):
        def complete(*words):
            script = (f"source {ROOT}/conf/tandemctl.bash; PATH={build}/control:$PATH; "
                      'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tandemctl; '
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            done = subprocess.run(["bash", "-c", script, "bash", "tandemctl", "-s", tandem.socket,
                                   *words], capture_output=True, text=True, timeout=10)
            expect(not done.stderr, done.stderr)
            return done.stdout.split()
        expect(complete("dr") == ["drain"], f"{complete('dr')}")
        expect(complete("drain", "") == [uri(one) for one in TWO], f"{complete('drain', '')}")
        expect(complete("add", "") == ["backends"] * 2, f"{complete('add', '')}")
        expect("rules.explain" in complete("rpc", "rules"), f"{complete('rpc', 'rules')}")
    with_tandem(build, job, backends=(), group_extra=destinations(*TWO))


JOBS = (traced_call, watched_at_load, completed_in_bash, page_in_a_browser, metrics_and_dashboard,
        nothing_without_the_token, tls)
