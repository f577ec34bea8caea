"""A balancer of UDP that puts a PROXY header, version 2, before what it hands on, and hands back
what comes in answer. Prints the first word of what it hands back. Before all else it sends one
request without a header. Usage: udp_balancer.py ADDRESS PORT TARGET_ADDRESS TARGET_PORT"""
import ipaddress
import selectors
import socket
import struct
import sys

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def header(source, target):
    addresses = (ipaddress.ip_address(source[0]).packed + ipaddress.ip_address(target[0]).packed
                 + struct.pack("!HH", source[1], target[1]))
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x12, len(addresses)) + addresses


def main():
    front, target = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4]))
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.bind(front)
    bare = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bare.bind((front[0], 0))
    bare.sendto(b"OPTIONS sip:x SIP/2.0\r\n\r\n", target)
    events = selectors.DefaultSelector()
    events.register(outside, selectors.EVENT_READ, None)
    inside = {}
    print("ready", flush=True)
    while True:
        for key, _ in events.select():
            if key.data is not None:
                answer = key.fileobj.recv(65535)
                print(answer.split(b" ", 1)[0].decode(), flush=True)
                outside.sendto(answer, key.data)
                continue
            datagram, source = outside.recvfrom(65535)
            if source not in inside:
                flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                flow.bind((front[0], 0))
                flow.connect(target)
                events.register(flow, selectors.EVENT_READ, source)
                inside[source] = flow
            inside[source].send(header(source, front) + datagram)


if __name__ == "__main__":
    main()
