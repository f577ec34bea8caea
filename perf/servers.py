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
    """A process in tandem-lb that ends with the block it was started for."""

    def __init__(self, command, folder):
        self.log = open(f"{folder}/server.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(lab_tools.in_namespace("lb", *command), stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL)

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


class Tandem(Server):
    """Tandem with one worker; `port` is memif or af_xdp. Its tables are for `calls_a_second` that
    linger 32 s."""

    def __init__(self, build, folder, port, calls_a_second):
        self.socket = f"{folder}/tandem.sock"
        self.memif = f"{folder}/memif.sock"
        self.port = port
        servers = int(calls_a_second * 2 * 34)
        device = f"memif:{self.memif}" if port == "memif" else f"{port}:eth0"
        config = f"{folder}/tandem.toml"
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""
[node]
workers = 1
cpus = [{SERVER_CPU}]
idle = "spin"
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
[limits]
server_transactions = {servers}
client_transactions = {servers}
stored_messages = {servers // 2 + 65536}
packets = 65536
""")
        command = f"mount -t bpf bpf /sys/fs/bpf; exec {build}/dataplane/tandem -c {config}"
        super().__init__(["sh", "-c", command], folder)
        lab_tools.wait_until(lambda: self.process.poll() is not None or self.answers(), 60,
                             "Tandem to answer on its socket")
        if self.process.poll() is not None:
            with open(f"{folder}/server.log", encoding="utf-8") as file:
                raise RuntimeError("Tandem did not start:\n" + file.read())
        if port == "memif":
            lab_tools.move_addresses("eth0", "tandem0")

    rpc = lab_tools.Tandem.rpc
    answers = lab_tools.Tandem.answers
    statistics = lab_tools.Tandem.statistics

    def __exit__(self, *rest):
        if self.port == "memif" and self.process.poll() is None:
            lab_tools.move_addresses("tandem0", "eth0")
        super().__exit__(*rest)


class Kamailio(Server):
    """Kamailio with one UDP worker, dispatcher, tm and rr; 2 GB of memory, 16 MB of socket."""

    def __init__(self, folder):
        config = f"{folder}/kamailio.cfg"
        with open(config, "w", encoding="ascii") as file:
            file.write(KAMAILIO.format(server=SERVER, folder=folder))
        with open(f"{folder}/dispatcher.list", "w", encoding="ascii") as file:
            file.write(f"1 sip:{CALLEE}:5060\n")
        super().__init__(["taskset", "-c", str(SERVER_CPU), "kamailio", "-f", config, "-DD", "-E",
                          "-x", "fm", "-X", "fm", "-m", "2048", "-M", "64",
                          "-P", f"{folder}/kamailio.pid", "-Y", folder], folder)
        time.sleep(2)
        if self.process.poll() is not None:
            with open(f"{folder}/server.log", encoding="utf-8") as file:
                raise RuntimeError("Kamailio did not start:\n" + file.read())


class Forwarder(Server):
    def __init__(self, build, folder):
        super().__init__([f"{build}/perf/forwarder", str(SERVER_CPU)], folder)
        time.sleep(0.2)


def load(build, device, *arguments, namespace=None):
    """Runs the load generator; its lines as dictionaries."""
    command = [f"{build}/perf/load", "--device", device, "--cpu", str(LOAD_CPU), *arguments]
    if namespace:
        command = lab_tools.in_namespace(namespace, *command)
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
