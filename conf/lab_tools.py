"""Tandem and SIPp in the lab: start them in their namespaces, ask Tandem, stop what was started.

Used by the quick start, the scenarios and the benchmarks. The namespaces are made by conf/lab.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ADDRESSES = {
    "lb": ("198.18.0.1", "2001:db8:18::1"),
    "ua": ("198.18.0.10", "2001:db8:18::10"),
    "b1": ("198.18.0.21", "2001:db8:18::21"),
    "b2": ("198.18.0.22", "2001:db8:18::22"),
}


def address(host, v6=False):
    return ADDRESSES[host][1 if v6 else 0]


def bracketed(ip):
    return f"[{ip}]" if ":" in ip else ip


def lab(command):
    subprocess.run([f"{ROOT}/conf/lab", command], check=True)


def end_on_signals():
    """A closed terminal or a time limit ends the program in order, so that nothing is left."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))


def in_namespace(host, *command):
    return ["ip", "netns", "exec", f"tandem-{host}", *command]


def wait_until(condition, seconds, what):
    """Polls a condition; a condition that never comes true is an error that names it."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def reachable(target):
    return subprocess.run(in_namespace("lb", "ping", "-c", "1", "-W", "1", target),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def move_addresses(source, target):
    """Moves the addresses of the load balancer to another of its interfaces."""
    v4, v6 = ADDRESSES["lb"]
    for text, length, options in ((v4, 24, ()), (v6, 64, ("nodad",))):
        subprocess.run(["ip", "-n", "tandem-lb", "addr", "del", f"{text}/{length}", "dev", source],
                       check=True)
        subprocess.run(["ip", "-n", "tandem-lb", "addr", "add", f"{text}/{length}", "dev", target,
                        *options], check=True)
    # The others remember the MAC address of the other interface.
    for host in ("ua", "b1", "b2"):
        for family in ("-4", "-6"):
            subprocess.run(["ip", "-n", f"tandem-{host}", family, "neigh", "flush", "dev", "eth0"],
                           check=True)


class Tandem:
    """One Tandem in tandem-lb, with a configuration made from the arguments."""
    start_within_s = 20

    def __init__(self, build, folder, workers=1, port="af_xdp", algorithm="round_robin",
                 backends=("b1", "b2"), v6=False, extra="", group_extra="", node="",
                 management="", listen=""):
        self.build, self.folder = build, folder
        self.socket = f"{folder}/tandem.sock"
        self.config = f"{folder}/tandem.toml"
        self.memif = f"{folder}/memif.sock"
        self.wire = None  # the process at the other end of a memif port
        self.settings = dict(workers=workers, port=port, algorithm=algorithm, v6=v6, extra=extra,
                             group_extra=group_extra, node=node, management=management,
                             listen=listen)
        self.write_config(backends)
        self.process = None

    def write_config(self, backends):
        s = self.settings
        device = f"memif:{self.memif}" if s["port"] == "memif" else f"{s['port']}:eth0"
        lines = ["[node]", f"workers = {s['workers']}", f'state = "{self.folder}/state"',
                 s["node"], "[management]",
                 f'socket = "{self.socket}"', s["management"], "[[port]]", f'device = "{device}"']
        for v6 in (False, True):
            lines += ["[[listen]]", f'address = "{bracketed(address("lb", v6))}:5060"']
            lines += [s["listen"]] if not v6 else []
        lines += ["[[group]]", 'name = "backends"', f'algorithm = "{s["algorithm"]}"',
                  s["group_extra"]]
        for backend in backends:
            uri = f"sip:{bracketed(address(backend, s['v6']))}:5060"
            lines += ["[[group.destination]]", f'uri = "{uri}"']
        with open(self.config, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n" + s["extra"])

    def start(self):
        self.log = open(f"{self.folder}/tandem.log", "w", encoding="utf-8")
        # The bpf file system is mounted for this process alone and goes with it.
        program = f"{self.build}/dataplane/tandem"
        command = f"mount -t bpf bpf /sys/fs/bpf; exec {program} -c {self.config}"
        self.process = subprocess.Popen(in_namespace("lb", "sh", "-c", command), stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or self.answers(), self.start_within_s,
                   "Tandem to answer on its socket")
        if self.process.poll() is not None:
            raise RuntimeError("Tandem did not start:\n" + self.log_text())
        if self.settings["port"] == "memif":
            self.start_wire()

    def start_wire(self):
        """Joins the memif port to eth0, whose addresses are on the kernel twin for that time."""
        move_addresses("eth0", "tandem0")
        self.connect_wire()
        # A new interface asks nobody before its own link-local address is checked: a second or two.
        for host in ("ua", "b1", "b2"):
            for v6 in (False, True):
                wait_until(lambda h=host, six=v6: reachable(address(h, six)), 20,
                           f"tandem-{host} to be reached over memif")

    def connect_wire(self):
        command = f"mount -t bpf bpf /sys/fs/bpf; exec {self.build}/tests/wire {self.memif} eth0"
        self.wire = subprocess.Popen(in_namespace("lb", "sh", "-c", command), text=True,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL)
        if "ready" not in self.wire.stdout.read(6):
            raise RuntimeError("the wire to the memif port did not start")

    def cut_wire(self):
        """kill -9 of what is at the other end of the memif port."""
        self.wire.kill()
        self.wire.wait(10)
        self.wire.stdout.close()

    def stop_wire(self):
        if self.wire is None:
            return
        self.wire.terminate()
        self.wire.wait(10)
        self.wire.stdout.close()
        self.wire = None
        if self.process.poll() is None:  # else its interface is gone with it
            move_addresses("tandem0", "eth0")

    def answers(self):
        try:
            return "uptime" in self.rpc("core.uptime")
        except OSError:
            return False

    def rpc(self, method, params=()):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(self.socket)
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
            client.sendall(json.dumps(request).encode() + b"\n")
            reply = json.loads(client.makefile("rb").readline())
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']['message']}")
        return reply["result"]

    def statistics(self):
        """Counters by name, without their group."""
        pairs = (line.split(" = ") for line in self.rpc("stats.get_statistics", ["all"]))
        return {name.split(":", 1)[1]: int(value) for name, value in pairs}

    def destinations(self):
        """The destinations of the first group, as dispatcher.list shows them."""
        targets = self.rpc("dispatcher.list")["RECORDS"][0]["SET"]["TARGETS"]
        return [target["DEST"] for target in targets]

    def memory_kb(self):
        pid = self.process.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def log_text(self):
        with open(f"{self.folder}/tandem.log", encoding="utf-8") as file:
            return file.read()

    def stop(self):
        if self.process is None:
            return None
        self.stop_wire()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.log.close()
        return code


class Sipp:
    """One SIPp in a namespace, on port 5060 of its address."""
    started = []  # all that this process started, for stop_all

    def __init__(self, host, scenario, folder, name, v6=False, arguments=(), port=5060):
        self.folder, self.name = folder, name
        self.scenario = f"{folder}/{name}.xml"
        with open(self.scenario, "w", encoding="ascii") as file:
            file.write(scenario)
        self.stat = f"{folder}/{name}.csv"
        self.error_file = f"{folder}/{name}.err"
        self.command = in_namespace(
            host, "sipp", *arguments, "-sf", self.scenario, "-i", bracketed(address(host, v6)),
            "-p", str(port), "-nostdin", "-trace_stat", "-stf", self.stat, "-fd", "1", "-trace_err",
            "-error_file", self.error_file, "-buff_size", "4194304")
        self.process = None

    def start(self):
        for left in (self.stat, self.error_file):
            if os.path.exists(left):
                os.unlink(left)
        self.output = open(f"{self.folder}/{self.name}.out", "w", encoding="utf-8")
        self.process = subprocess.Popen(self.command, stdout=self.output, stderr=self.output,
                                        stdin=subprocess.DEVNULL, cwd=self.folder)
        Sipp.started.append(self)
        return self

    def wait(self, seconds):
        return self.process.wait(seconds)

    def stop(self, number=signal.SIGKILL):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)

    def state(self):
        """What the process does, as the kernel says it."""
        if self.process.poll() is not None:
            return f"ended with {self.process.returncode}"
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat, \
                open(f"/proc/{self.process.pid}/wchan", encoding="ascii") as wchan:
            return f"state {stat.read().split(')')[1].split()[0]}, waits in {wchan.read()}"

    @classmethod
    def stop_all(cls):
        for one in cls.started:
            one.stop()
        cls.started.clear()

    def totals(self):
        """The last line of SIPp's statistics as a dictionary; empty before the first one."""
        try:
            with open(self.stat, encoding="ascii", errors="replace") as file:
                lines = [line.rstrip("\n").split(";") for line in file if line.strip()]
        except FileNotFoundError:
            return {}
        return dict(zip(lines[0], lines[-1])) if len(lines) > 1 else {}

    def counts(self):
        totals = self.totals()
        created = int(totals.get("TotalCallCreated", 0))
        completed = int(totals.get("SuccessfulCall(C)", 0))
        failed = int(totals.get("FailedCall(C)", 0))
        return created, completed, failed

    def error_text(self):
        """What SIPp complained of; where it did not even start, what it printed."""
        for name in (self.error_file, f"{self.folder}/{self.name}.out"):
            if os.path.exists(name) and os.path.getsize(name):
                with open(name, encoding="utf-8", errors="replace") as file:
                    return f"{self.name}: {file.read()[:1500]}\n"
        return ""


def wait_for_port(host, port=5060, seconds=10):
    """Until something in the namespace is bound to the UDP port."""
    def bound():
        text = subprocess.run(in_namespace(host, "cat", "/proc/net/udp", "/proc/net/udp6"),
                              capture_output=True, text=True, check=True).stdout
        return f":{port:04X} " in text
    wait_until(bound, seconds, f"UDP port {port} in tandem-{host}")


def temporary_folder():
    return tempfile.mkdtemp(prefix="tandem-")
