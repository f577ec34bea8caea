"""Destinations by name: of a name server that answers, changes its answer and is gone, and of the
hosts file."""
import json
import os
import subprocess
import time

import lab_tools
from balance import TWO, Backends, expect_all_complete, expect_none_lost, start_calls, tandemctl
from checks import FOLDER, expect, with_tandem


def names_resolved(build):
    """A destination by name: SRV says where calls go and in which order; another answer moves them
    while they come, and no answer at all moves nothing."""
    name, zone_file = "calls.test", f"{FOLDER}/zone.json"

    def publish(*targets):
        zone = {f"_sip._udp.{name} SRV": [[10 * (i + 1), 1, 5060, f"{host}.test"]
                                          for i, host in enumerate(targets)]}
        zone.update({f"{host}.test A": [lab_tools.address(host)] for host in targets})
        with open(f"{zone_file}.new", "w", encoding="ascii") as file:
            json.dump(zone, file)
        os.replace(f"{zone_file}.new", zone_file)

    def by_address(tandem):
        return {one["ADDRESS"].split(":")[0]: one for one in tandem.destinations()}

    def job(tandem):
        Backends(TWO)
        b1, b2 = lab_tools.address("b1"), lab_tools.address("b2")
        lab_tools.wait_until(lambda: set(by_address(tandem)) == {b1, b2}, 10, "both addresses")
        caller = start_calls()
        lab_tools.wait_until(lambda: by_address(tandem)[b1]["CALLS"] > 200, 10, "200 calls")
        expect(by_address(tandem)[b2]["CALLS"] == 0, "calls to the lower priority")
        publish("b2", "b1")
        lab_tools.wait_until(lambda: by_address(tandem)[b2]["CALLS"] > 200, 20, "calls to move")
        before = by_address(tandem)[b1]["CALLS"]
        server.kill()
        time.sleep(7)  # longer than the answer may be believed
        expect(set(by_address(tandem)) == {b1, b2}, "addresses were forgotten")
        expect(by_address(tandem)[b1]["CALLS"] == before, "calls moved without an answer")
        # One of its addresses alone.
        tandemctl(tandem, "drain", f"{b2}:5060", "--wait", "--timeout", "10")
        lab_tools.wait_until(lambda: by_address(tandem)[b1]["CALLS"] > before + 50, 10,
                             "calls to go to the other address")
        expect(by_address(tandem)[b2]["STATE"] in ("draining", "disabled")
               and by_address(tandem)[b1]["STATE"] == "active", "the wrong one was taken out")
        tandemctl(tandem, "enable", f"{b2}:5060")
        expect_none_lost(caller)
    publish("b1", "b2")
    script = f"{os.path.dirname(os.path.abspath(__file__))}/name_server.py"
    server = subprocess.Popen(lab_tools.in_namespace("lb", "python3", script, "127.0.0.1", "5353",
                                                     zone_file), stdout=subprocess.PIPE)
    try:
        expect(server.stdout.readline() == b"ready\n", "the name server did not start")
        with_tandem(build, job, backends=(), node='name_servers = ["127.0.0.1:5353"]',
                    group_extra=f'[[group.destination]]\nuri = "sip:{name}"\n')
    finally:
        server.kill()
        server.wait()


def names_of_the_machine(build):
    """A destination that stands in the hosts file, on two lines. What was found stays over a
    restart, the file being gone and no name server there."""
    name, folder = "near.test", "/etc/netns/tandem-lb"  # seen as /etc in that namespace

    def both(tandem):
        lab_tools.wait_until(lambda: {one["ADDRESS"] for one in tandem.destinations()} == {
            f"{lab_tools.address(host)}:5060" for host in ("b1", "b2")}, 5, "both addresses")

    def calls(tandem):
        both(tandem)
        Backends(TWO)
        expect_all_complete(start_calls(100, hold_ms=0), 100)
        got = [one["CALLS"] for one in tandem.destinations()]
        expect(got == [50, 50], f"the calls went to {got}")
    settings = dict(backends=(), node='name_servers = ["127.0.0.1:5353"]',
                    group_extra=f'[[group.destination]]\nuri = "sip:{name}"\n')
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(f"{FOLDER}/state/names"):
        os.unlink(f"{FOLDER}/state/names")
    try:
        with open(f"{folder}/hosts", "w", encoding="ascii") as file:
            file.write("127.0.0.1 localhost\n" + "".join(
                f"{lab_tools.address(host)} {name}\n" for host in ("b1", "b2")))
        with_tandem(build, calls, **settings)
    finally:
        os.unlink(f"{folder}/hosts")
        os.rmdir(folder)
    with_tandem(build, both, **settings)


JOBS = (names_resolved, names_of_the_machine)
