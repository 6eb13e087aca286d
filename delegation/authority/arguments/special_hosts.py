"""Lists the hosts that only the inside of something answers: addresses and names, each with its source.

What is here is refused unless a grant names it exactly (`host`, `url`) or the tool's definition says
`unsafe_special_addresses`. Not known here: what a public name resolves to. Anybody may let a name of
theirs answer with an address of yours, so whoever connects checks the address that is really used.
"""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

from delegation.authority.arguments.top_level_domains import DELEGATED

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Source: networks. What is inside means the host itself, its neighbours, or another address in disguise.
NETWORKS: Final = {
    "IANA IPv4 special-purpose registry (RFC 6890, 6598, 5736, 5737, 7534, 7535, 7450, 7526, 2544)": (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
        "192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 "
        "192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4"
    ),
    "IANA IPv4 multicast address space (RFC 5771)": "224.0.0.0/4",
    "IANA IPv6 address space: only 2000::/3 is global unicast (RFC 4291); 3000::/4 is reserved": (
        "::/3 4000::/2 8000::/1 3000::/4"
    ),
    "IANA IPv6 special-purpose registry (RFC 2928, 4380, 7450, 7343, 9374, 3849, 3056, 7534)": (
        "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48"
    ),
    "Microsoft, What is IP address 168.63.129.16": "168.63.129.16/32",
    "Google Cloud, Configure Private Google Access": (
        "199.36.153.4/30 199.36.153.8/30 2600:2d00:2:1000::/64 2600:2d00:2:2000::/64"
    ),
    "IBM Cloud, IP ranges: the service network": "161.26.0.0/16 166.8.0.0/14",
}

# Source: names, each with what is below it; what begins with a hyphen ends a label.
NAMES: Final = {
    # Most of the registry is under no delegated top-level domain; `arpa` is one, and holds no public host.
    # `example` and its kin are left out: they reach nobody.
    "IANA special-use domain names (RFC 6761, 6762, 7686, 8375, 8880, 9031, 9140, 9462, 9476, 9665)": (
        "alt arpa invalid local localhost onion test"
    ),
    "ICANN resolution 2024.07.29.06; RFC 6762 appendix G; ICANN name collision": (
        "internal intranet private corp home lan mail localdomain"
    ),
    "Amazon Web Services, Interface endpoint DNS names": "vpce.amazonaws.com",
    "Google Cloud, VM metadata; Private Google Access; Private Service Connect": (
        "metadata.goog private.googleapis.com restricted.googleapis.com p.googleapis.com"
    ),
    "Microsoft, Name resolution for virtual machines; Private endpoint DNS zones": (
        "internal.cloudapp.net reddog.microsoft.com"
    ),
    "Oracle Cloud Infrastructure, DNS in your virtual cloud network": "oraclevcn.com",
    "IBM Cloud, VPC instance metadata; private endpoints; classic service network": (
        "metadata.cloud.ibm.com private.cloud.ibm.com service.softlayer.com "
        "service.networklayer.com adn.networklayer.com"
    ),
    "Tencent Cloud, Instance metadata; intranet mirrors": "tencentyun.com",
    "Alibaba Cloud, Internal and VPC endpoints": "-internal.aliyuncs.com -vpc.aliyuncs.com",
    "Equinix Metal (Packet), Metadata": "metadata.packet.net metadata.platformequinix.com",
    "Scaleway, Instances' private names": "priv.cloud.scaleway.com priv.instances.scw.cloud",
    "Cloudflare, Tunnel DNS records": "cfargotunnel.com",
    "Tailscale, MagicDNS; NetBird, DNS": "ts.net beta.tailscale.net netbird.cloud",
    "AVM, NETGEAR, TP-Link, ASUS: names that the router itself answers": (
        "fritz.box routerlogin.net routerlogin.com tplinkwifi.net tplinklogin.net "
        "tplinkmodem.net tplinkrepeater.net router.asus.com"
    ),
    # DNS services that answer any name with the address that it spells: an address in disguise.
    "nip.io, sslip.io, xip.io and kin; plex.direct; local-ip.co; traefik.me; DNS rebinding testers": (
        "nip.io sslip.io xip.io xip.name ip6.name backname.io myip.io fip.io customer-ip.com "
        "plex.direct local-ip.co local-ip.sh traefik.me local.gd 1u.ms rbndr.us"
    ),
    # Public names that always answer with a loopback address, made for developers.
    "localtest.me, lvh.me and kin (their owners' pages)": (
        "localtest.me lvh.me vcap.me lacolhost.com localhost.direct localhost.tv localhst.co.uk "
        "localh.st localho.st fuf.me 42foo.com 127-0-0-1.org.uk ddev.site lndo.site lcl.host "
        "spoofed.burpcollaborator.net"
    ),
}
# Below these, a name with the label `privatelink` is a private endpoint's.
PRIVATE_LINKS: Final = {
    "Microsoft, Azure private endpoint DNS zone values": (
        "windows.net azure.com azure.net azurecr.io azmk8s.io azurewebsites.net azure-api.net "
        "azurestaticapps.net azurehdinsight.net azure-devices.net azuredatabricks.net "
        "azure-devices-provisioning.net windowsazure.com microsoft.com"
    ),
    "Snowflake, Private connectivity": "snowflakecomputing.com",
}
_EXEMPT: Final = "example"  # RFC 6761: no resolver treats it specially, and it reaches nobody

SPECIAL: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text) for texts in NETWORKS.values() for text in texts.split()
)
_RANGES: Final = {
    version: tuple(
        (int(n.network_address), int(n.broadcast_address)) for n in SPECIAL if n.version == version
    )
    for version in (4, 6)
}
_SUFFIXES: Final = frozenset(
    name for names in NAMES.values() for name in names.split() if not name.startswith("-")
)
_LABEL_ENDS: Final = tuple(
    name for names in NAMES.values() for name in names.split() if name.startswith("-")
)
_PRIVATE_LINKS: Final = frozenset(" ".join(PRIVATE_LINKS.values()).split())
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214: an IPv4 address follows


def is_special(address: Address) -> bool:
    """Return whether an address lies in a special-purpose range, or hides such an address."""
    number = int(address)
    if any(low <= number <= high for low, high in _RANGES[address.version]):
        return True
    if address.version == 6 and (number >> 32) & 0xFFFFFFFF in _ISATAP:  # noqa: PLR2004  # IPv6
        return is_special(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return False


def is_special_name(name: str) -> bool:
    """Return whether only the inside of a network, cloud, cluster or machine answers a name.

    So is every name whose last label the DNS root does not delegate, and every name of one label.

    Args:
        name: A canonical DNS name.
    """
    labels = name.split(".")
    if len(labels) == 1 or (labels[-1] not in DELEGATED and labels[-1] != _EXEMPT):
        return True
    return (
        ("privatelink" in labels and ".".join(labels[-2:]) in _PRIVATE_LINKS)
        or name.endswith(_LABEL_ENDS)
        or any(".".join(labels[at:]) in _SUFFIXES for at in range(len(labels)))
    )
