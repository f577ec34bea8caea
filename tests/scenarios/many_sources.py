"""INVITEs from many addresses behind a router.

Usage: many_sources.py INTERFACE MAC SOURCES RATE SECONDS
"""
import ipaddress
import socket
import sys
import time

from invented_sources import ipv4, udp

FIRST = int(ipaddress.IPv4Address("198.18.64.0"))
TURN_S = 0.01


def invite(source, number):
    return (f"INVITE sip:stranger@198.18.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {source}:5060;branch=z9hG4bKm{number}\r\n"
            f"From: <sip:x@{source}>;tag=1\r\nTo: <sip:stranger@198.18.0.1>\r\n"
            f"Call-ID: many-{number}@{source}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:x@{source}:5060>\r\nUser-Agent: some phone\r\n"
            "Content-Type: application/sdp\r\nContent-Length: 80\r\n\r\n" + "x" * 80).encode()


def main():
    interface, mac = sys.argv[1], sys.argv[2]
    sources, rate, seconds = (int(word) for word in sys.argv[3:])
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((interface, 0))
    head = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x66\x08\x00"
    begin, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begin) < seconds:
        while sent < passed * rate:
            source = str(ipaddress.IPv4Address(FIRST + sent % sources))
            wire.send(head + ipv4(source, udp(invite(source, sent))))
            sent += 1
        time.sleep(TURN_S)
    print(sent)


if __name__ == "__main__":
    main()
