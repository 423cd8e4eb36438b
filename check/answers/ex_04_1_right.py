# RIGHT
import ipaddress
import sys

OWN = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"]
OWN = [ipaddress.ip_network(network) for network in OWN]
for text in sys.argv[1:]:
    address = ipaddress.ip_address(text)
    address = getattr(address, "ipv4_mapped", None) or address
    is_own = any(address in network for network in OWN)
    print(" ", text, "accepted" if is_own else "rejected")
