"""Lesson 04: what this machine makes of names, addresses and ports."""

import argparse
import ipaddress
import socket
import sys

from support import shown

PRIVATE = [
    ipaddress.ip_network(block)
    for block in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
]


# [name]
def show_name(name):
    answers = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    addresses = [sockaddr[0] for family, _, _, _, sockaddr in answers]
    print(shown(name))
    for address in dict.fromkeys(addresses):  # each one once
        show_address(ipaddress.ip_address(address))
    if not any(":" in address for address in addresses):
        print("  IPv6  none")
# [/name]


def show_address(address):
    print(f"  IPv{address.version}  {text_of(address):<15} {kind(address)}")


def text_of(address):
    # Packed into bytes and back: `inet_pton` and `inet_ntop` know IPv4 within IPv6.
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return socket.inet_ntop(family, address.packed)


# [kind]
def kind(address):
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return "loopback: this machine"
    if address.is_unspecified:
        return "unspecified: to listen on every address"
    if address.is_multicast:
        return "multicast: a group of machines"
    if any(address in block for block in PRIVATE):  # `is_private` is true for more: see the note
        return "private: not routed on the internet"
    if address.is_link_local:
        return "link-local: this network, no router"
    if address == ipaddress.ip_address("255.255.255.255"):
        return "broadcast: all of this network"
    return "none of these: most are public"
# [/kind]


# [bytes]
def show_bytes():
    address = ipaddress.ip_address(bytes([192, 168, 1, 10]))
    print("the bytes", list(address.packed), "are written", address)
    port = 8080
    first, second = port.to_bytes(2, "big")  # big end first: network byte order
    print(f"the port {port} is sent as the bytes {first}, {second}")
    swapped = int.from_bytes([first, second], "little")
    print(f"  read in the other order, they are {swapped}")
# [/bytes]


def show_ports():
    with socket.create_server(("127.0.0.1", 0)) as listener:  # port 0: any free one
        for number in [1, 2]:
            with socket.create_connection(listener.getsockname()) as stream:
                other_end = "{}:{}".format(*stream.getpeername())
                own_end = "{}:{}".format(*stream.getsockname())
                print("client", number, "of", other_end, "is", own_end)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names
    for name in names:
        show_name(name)
    if names:
        return
    print("this machine is called", socket.gethostname())
    show_name("localhost")
    print("kinds of addresses")
    for text in ["10.1.2.3", "172.31.0.1", "172.32.0.1", "192.168.1.10", "fd00::7"]:
        show_address(ipaddress.ip_address(text))
    show_bytes()
    show_ports()


if __name__ == "__main__":
    try:
        main()
    except (socket.gaierror, UnicodeError) as error:
        sys.exit(shown(f"no such host: {error}"))
    except KeyboardInterrupt:
        pass
