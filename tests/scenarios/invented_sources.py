"""Sends one OPTIONS each from many IPv6 addresses of the link that nobody has, and one from the
broadcast address of the IPv4 network. Usage: invented_sources.py INTERFACE TARGET_MAC COUNT RATE"""
import ipaddress
import socket
import struct
import sys
import time

LB6, LB4 = "2001:db8:18::1", "198.18.0.1"


def options(source, number):
    via = f"SIP/2.0/UDP {source}:5060;branch=z9hG4bKi{number}"
    return (f"OPTIONS sip:{LB4} SIP/2.0\r\nVia: {via}\r\n"
            f"From: <sip:x@nowhere>;tag=1\r\nTo: <sip:{LB4}>\r\nCall-ID: invented-{number}\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode()


def udp(payload):
    # The port trusts checksums; over IPv6 there must be one.
    return struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0xffff) + payload


def ipv6(source, payload):
    return (struct.pack("!IHBB", 6 << 28, len(payload), 17, 64)
            + ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(LB6).packed + payload)


def ipv4(source, payload):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0,
                         ipaddress.IPv4Address(source).packed, ipaddress.IPv4Address(LB4).packed)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + header[12:]
    # Without a UDP checksum: over IPv4 it may be missing.
    return header + payload[:6] + b"\0\0" + payload[8:]


def main():
    interface, mac, count, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((interface, 0))
    to = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x66"
    begin = time.monotonic()
    for number in range(count):
        source = f"2001:db8:18::bad:{number:x}"
        wire.send(to + b"\x86\xdd" + ipv6(source, udp(options(f"[{source}]", number))))
        ahead = begin + number / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    wire.send(to + b"\x08\x00" + ipv4("198.18.0.255", udp(options("198.18.0.255", count))))


if __name__ == "__main__":
    main()
