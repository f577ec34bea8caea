"""The servers that are measured, each alone in the namespace tandem-lb on CPU 1: Tandem, Kamailio
and a bare forwarder. And the load generator, on CPU 0."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, f"{os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}/conf")
import lab_tools

SERVER = "198.18.0.1"
CALLEE = "198.18.0.121"
SERVER_CPU, LOAD_CPU = 1, 0

KAMAILIO = """
debug=-1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{server}:5060
maxbuffer=16777216
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "{folder}/dispatcher.list")
modparam("rr", "enable_full_lr", 0)
modparam("rr", "append_fromtag", 0)

request_route {{
  if (!mf_process_maxfwd_header("70")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("OPTIONS") && uri == myself && $rU == $null) {{ sl_send_reply("200", "OK"); exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    sl_send_reply("404", "Not here");
    exit;
  }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  t_check_trans();
  if (is_method("INVITE")) record_route();
  if (!ds_select_dst("1", "0")) {{ sl_send_reply("503", "Service Unavailable"); exit; }}
  t_relay();
}}
"""


class Server:
    """A process in tandem-lb that ends with the block it was started for. It does not say when it
    is ready: it has `starts_within_s`."""

    def __init__(self, command, folder):
        self.log = open(f"{folder}/server.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(lab_tools.in_namespace("lb", *command), stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL)
        time.sleep(self.starts_within_s)
        if self.process.poll() is not None:
            self.log.seek(0)
            raise RuntimeError(f"{command[0]} did not start:\n{self.log.read()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Tandem(lab_tools.Tandem):
    """Tandem with one worker; `port` is memif or af_xdp. Its tables are for `calls_a_second` that
    linger 32 s."""
    start_within_s = 60  # to make them

    def __init__(self, build, folder, port, calls_a_second, more=""):
        self.more = more  # configuration
        self.weight = 1
        self.at_work = int(calls_a_second * 2) + 65536
        self.retired = int(calls_a_second * 2 * 34)
        super().__init__(build, folder, port=port)

    def write_config(self, _):
        port = self.settings["port"]
        device = f"memif:{self.memif}" if port == "memif" else f"{port}:eth0"
        with open(self.config, "w", encoding="ascii") as file:
            file.write(f"""
[node]
workers = 1
cpus = [{SERVER_CPU}]
idle = "spin"
state = "{self.folder}/state"
[management]
socket = "{self.socket}"
[[port]]
device = "{device}"
[[listen]]
address = "{SERVER}:5060"
[[group]]
name = "backends"
[[group.destination]]
uri = "sip:{CALLEE}:5060"
weight = {self.weight}
[limits]
server_transactions = {self.at_work}
client_transactions = {self.at_work}
retired_transactions = {self.retired}
stored_messages = {self.at_work}
packets = 65536
{self.more}
""")

    # The generator is at the other end of a memif port: nothing joins it to eth0.
    def start_wire(self):
        lab_tools.move_addresses("eth0", "tandem0")
        self.wire = True

    def stop_wire(self):
        if self.wire and self.process.poll() is None:
            lab_tools.move_addresses("tandem0", "eth0")
        self.wire = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


class Kamailio(Server):
    """Kamailio with one UDP worker, dispatcher, tm and rr; 2 GB of memory, 16 MB of socket."""
    starts_within_s = 2

    def __init__(self, folder):
        config = f"{folder}/kamailio.cfg"
        with open(config, "w", encoding="ascii") as file:
            file.write(KAMAILIO.format(server=SERVER, folder=folder))
        with open(f"{folder}/dispatcher.list", "w", encoding="ascii") as file:
            file.write(f"1 sip:{CALLEE}:5060\n")
        super().__init__(["taskset", "-c", str(SERVER_CPU), "kamailio", "-f", config, "-DD", "-E",
                          "-x", "fm", "-X", "fm", "-m", "2048", "-M", "64",
                          "-P", f"{folder}/kamailio.pid", "-Y", folder], folder)


class Forwarder(Server):
    """A process that forwards every datagram to the other side as it is."""
    starts_within_s = 0.2

    def __init__(self, build, folder):
        super().__init__([f"{build}/perf/forwarder", str(SERVER_CPU)], folder)


def load(build, device, *arguments, namespace=None):
    """Runs the load generator; its lines as dictionaries."""
    command = [f"{build}/perf/load", "--device", device, "--cpu", str(LOAD_CPU), *arguments]
    if namespace:
        command = lab_tools.in_namespace(namespace, *command)
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
