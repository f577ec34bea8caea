"""A name server for scenarios: answers A, SRV and NAPTR from a JSON file, read at each question.

Usage: name_server.py ADDRESS PORT FILE, the file being {"NAME TYPE": [value, ...]}; values are "IP"
for A and [priority, weight, port, target] for SRV. What is not in it does not exist.
"""
import json
import socket
import struct
import sys

TYPES = {1: "A", 28: "AAAA", 33: "SRV", 35: "NAPTR"}
TTL_S = 1


def name_of(packet, at):
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii").lower())
        at += 1 + packet[at]
    return ".".join(labels), at + 1


def encoded(name):
    labels = [label.encode("ascii") for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def data_of(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    priority, weight, port, target = value
    return struct.pack("!HHH", priority, weight, port) + encoded(target)


def answer(packet, zone):
    name, at = name_of(packet, 12)
    number, _ = struct.unpack("!HH", packet[at:at + 4])
    kind = TYPES.get(number, "")
    values = zone.get(f"{name} {kind}", [])
    head = packet[:2] + struct.pack("!HHHHH", 0x8580 if values else 0x8583, 1, len(values), 0, 0)
    records = b""
    for value in values:
        data = data_of(kind, value)
        records += encoded(name) + struct.pack("!HHIH", number, 1, TTL_S, len(data)) + data
    return head + packet[12:at + 4] + records


def main():
    address, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        print("ready", flush=True)
        while True:
            packet, peer = server.recvfrom(4096)
            with open(path, encoding="ascii") as file:
                zone = json.load(file)
            server.sendto(answer(packet, zone), peer)


if __name__ == "__main__":
    main()
