"""Lists the hosts that only the inside of something answers: addresses and names, each with its source.

What is here is refused unless a grant names it exactly (`host`, `url`) or the tool's definition says
`unsafe_special_addresses`. Not known here: what a public name resolves to. Anybody may let a name of
theirs answer with an address of yours, so whoever connects checks the address that is really used.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from delegation.authority.arguments.top_level_domains import DELEGATED

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
    "Google Cloud, Configure Private Google Access; Access APIs from VMs (direct connectivity)": (
        "199.36.153.4/30 199.36.153.8/30 2600:2d00:2:1000::/56 2600:2d00:2:2000::/56 "
        "34.126.0.0/18 2001:4860:8040::/42"
    ),
    "Google Cloud, Cloud DNS zones overview: where forwarded queries come from": "35.199.192.0/19",
    "IBM Cloud, VPC reserved address ranges: services, and cloud service endpoints": (
        "161.26.0.0/16 166.8.0.0/14"
    ),
}

# Source: names, each with what is below it; `*` stands for one label or a part of one, `**` for some.
NAMES: Final = {
    # Most of the registry is under no delegated top-level domain; `arpa` is one, and holds no public host.
    # `example` and its kin are left out: they reach nobody.
    "IANA special-use domain names (RFC 6761, 6762, 7686, 8375, 8880, 9031, 9140, 9462, 9476, 9665)": (
        "alt arpa invalid local localhost onion test"
    ),
    "ICANN resolution 2024.07.29.06; RFC 6762 appendix G; ICANN name collision": (
        "internal intranet private corp home lan mail localdomain"
    ),
    "Amazon Web Services, VPC Lattice; EFS, FSx and ELB DNS names (and their partition in China)": (
        "vpc-lattice-svcs.*.on.aws vpc-lattice-rsc.*.on.aws efs.*.amazonaws.com fsx.*.amazonaws.com "
        "internal-*.*.elb.amazonaws.com efs.*.amazonaws.com.cn fsx.*.amazonaws.com.cn "
        "internal-*.*.elb.amazonaws.com.cn"
    ),
    "Amazon Web Services, ElastiCache and DocumentDB endpoints; OpenSearch domains in a VPC": (
        "cache.amazonaws.com docdb.amazonaws.com vpc-*.*.es.amazonaws.com vpc-*.*.es.amazonaws.com.cn"
    ),
    "Google Cloud, VM metadata; Private Google Access; Private Service Connect; Cloud SQL DNS": (
        "metadata.goog private.googleapis.com restricted.googleapis.com p.googleapis.com "
        "sql.goog alloydb.goog"
    ),
    "Microsoft, Name resolution for virtual machines, in three clouds": (
        "internal.cloudapp.net internal.chinacloudapp.cn internal.usgovcloudapp.net "
        "reddog.microsoft.com"
    ),
    "Microsoft, Private networking of databases, container apps, clusters and App Service": (
        "private.*.database.azure.com private.*.database.chinacloudapi.cn "
        "private.*.database.usgovcloudapi.net private.*.azmk8s.io appserviceenvironment.net "
        "internal.**.azurecontainerapps.io internal.azurecontainerapps.io"
    ),
    "Oracle Cloud Infrastructure, DNS in your virtual cloud network": "oraclevcn.com",
    "IBM Cloud, VPC instance metadata; private endpoints; classic service network": (
        "metadata.cloud.ibm.com private.cloud.ibm.com service.softlayer.com "
        "service.networklayer.com adn.networklayer.com"
    ),
    "Tencent Cloud, Instance metadata; intranet mirrors": "tencentyun.com",
    "Alibaba Cloud, Internal and VPC endpoints": (
        "*-internal.aliyuncs.com *-vpc.aliyuncs.com *-internal.*.aliyuncs.com *-vpc.*.aliyuncs.com"
    ),
    "Equinix Metal (Packet), Metadata; Exoscale, User data": (
        "metadata.packet.net metadata.platformequinix.com metadata.exoscale.com"
    ),
    "Scaleway, Instances' private names": "priv.cloud.scaleway.com priv.instances.scw.cloud",
    "DigitalOcean, Managed databases: private hosts": (
        "private-*.db.ondigitalocean.com private-*.*.db.ondigitalocean.com"
    ),
    "Cloudflare, Tunnel DNS records": "cfargotunnel.com",
    "Tailscale, MagicDNS; NetBird, DNS": "ts.net beta.tailscale.net netbird.cloud",
    # Below their makers' names; `privatelink` and `vpce` are special wherever they stand.
    "Confluent, Elastic, ClickHouse, MongoDB, Redis: private networking": (
        "private.confluent.cloud psc.*.gcp.cloud.es.io psc.*.gcp.elastic-cloud.com "
        "p.gcp.clickhouse.cloud pl-*.mongodb.net pl-*.*.mongodb.net *-pl-*.mongodb.net "
        "*-pl-*.*.mongodb.net internal.**.cloud.redislabs.com"
    ),
    "no published source found, in public code only: MongoDB, network peering": (
        "*-pri.mongodb.net *-pri.*.mongodb.net"
    ),
    "AVM, NETGEAR, TP-Link, ASUS, Free: names that the router itself answers": (
        "fritz.box routerlogin.net routerlogin.com mywifiext.net mywifiext.com tplinkwifi.net "
        "tplinklogin.net tplinkmodem.net tplinkrepeater.net router.asus.com mafreebox.freebox.fr"
    ),
    "no published source found, in lists of router names only": (
        "easy.box myfritz.box orbilogin.com orbilogin.net repeater.asus.com tplogin.cn melogin.cn "
        "falogin.cn mwlogin.net tendawifi.com re.tenda.cn miwifi.com my.keenetic.net "
        "linksyssmartwifi.com huaweimobilewifi.com console.gl-inet.com"
    ),
    "Microsoft, UNC names of IPv6 addresses, read by Windows itself": "ipv6-literal.net",
    # DNS services that answer any name with the address that it spells: an address in disguise.
    "nip.io, sslip.io, xip.io and kin; plex.direct; local-ip.co; traefik.me; DNS rebinding testers": (
        "nip.io sslip.io xip.io xip.name backname.io plex.direct local-ip.co local-ip.sh traefik.me "
        "local.gd 1u.ms rbndr.us rebind.network"
    ),
    # Public names that always answer with an inner address, made for developers.
    "localtest.me, lvh.me and kin (their owners' pages); ingress-nginx, Docksal and BOSH documents": (
        "localtest.me lvh.me vcap.me lacolhost.com localhost.direct localhost.tv localhst.co.uk "
        "localh.st localho.st fuf.me 42foo.com 127-0-0-1.org.uk ddev.site lndo.site lcl.host "
        "localdev.me docksal.site bosh-lite.com"
    ),
    "no published source found, in lists of names that answer with a loopback address only": (
        "spoofed.burpcollaborator.net oastify.com bugbounty.dod.network rebind.it smackaho.st "
        "ulh.us ratchetlocal.com yoogle.com mouse-potato.com sudo.cc mail.ebc.apple.com bs-local.com "
        "localtest.org localtest.dev localhst.dev localhost.team localhost.cloud localh.net lhst.net "
        "localmachine.info localmachine.name localfabriek.nl local.sisteminha.com backloop.dev "
        "devlocal.me devlocal.dev devlocal.io devlocal.us devlocal.site l0pb.dev l0pb.me 127001.it "
        "anyip.dev qip.sh ip.es.io docker.amazee.io localdomain.pw"
    ),
}
# A private endpoint's zone, whose ever; not the name somebody registered.
# Microsoft, Azure private endpoint DNS zone values; Amazon, Interface endpoint DNS names; and all who
# take the word from them (Snowflake, Confluent, Elastic, ClickHouse).
_PRIVATE_LINK: Final = re.compile(r"(?<![a-z0-9])(privatelink|vpce)(?![a-z0-9])")
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
    name for names in NAMES.values() for name in names.split() if "*" not in name
)
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214: an IPv4 address follows
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
# Four numbers between dots and hyphens, wherever they stand; they may overlap.
_QUARTERS: Final = re.compile(
    r"(?<![a-z0-9])(?=([0-9]{1,3})[.-]([0-9]{1,3})[.-]([0-9]{1,3})[.-]([0-9]{1,3})(?![a-z0-9]))"
)
_HEXADECIMAL: Final = re.compile(r"(?<![a-z0-9])(?:0x)?([0-9a-f]{8})(?=\.)")  # ends a label
_DECIMAL: Final = re.compile(r"(?<![a-z0-9-])([0-9]{9,10})(?=\.)")  # is a label
_GROUP: Final = re.compile(r"[0-9a-f]{0,4}")
_ZONE: Final = re.compile(r"s[0-9]+$")
_MAX_QUARTER: Final = 255
_GROUPS: Final = 8
# What leads nowhere is what versions and identifiers look like: the rest of 0.0.0.0/8, multicast,
# the reserved end, and IPv6 that nobody was given.
_FIRST_NETWORK: Final = 1 << 24
_MULTICAST: Final = 224 << 24
_USED: Final = frozenset({0, 0x64, *range(0x2000, 0x3000), *range(0xFC00, 0x10000)})


def _patterns() -> dict[str, re.Pattern[str]]:
    """Return the names with `*`, by their last label but one and its end: what a name must match."""
    forms: dict[str, list[str]] = {}
    for name in " ".join(NAMES.values()).split():
        if "*" in name:
            form = re.escape(name).replace(r"\*\*", "[a-z0-9.-]+").replace(r"\*", "[a-z0-9-]+")
            forms.setdefault(".".join(name.split(".")[-2:]), []).append(form)
    return {end: re.compile(rf"(?:.*\.)?(?:{'|'.join(each)})") for end, each in forms.items()}


_PATTERNS: Final = _patterns()


def is_special(address: Address) -> bool:
    """Return whether an address lies in a special-purpose range, or hides such an address."""
    number = int(address)
    return any(low <= number <= high for low, high in _RANGES[address.version]) or (
        address.version == 6  # noqa: PLR2004  # IPv6
        and (number >> 32) & 0xFFFFFFFF in _ISATAP
        and is_special(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    )


def is_special_name(name: str) -> bool:
    """Return whether only the inside of a network, cloud, cluster or machine answers a name.

    So is every name whose last label the DNS root does not delegate, every name of one label, every
    name with a private endpoint's label (`privatelink`, `vpce`), and every name that spells a special
    address (`spelled_addresses`).

    Args:
        name: A canonical DNS name.
    """
    labels = name.split(".")
    if len(labels) == 1 or (labels[-1] not in DELEGATED and labels[-1] != _EXEMPT):
        return True
    end = ".".join(labels[-2:])
    return (
        _PRIVATE_LINK.search(name, 0, len(name) - len(end)) is not None
        or any(".".join(labels[at:]) in _SUFFIXES for at in range(len(labels)))
        or (end in _PATTERNS and _PATTERNS[end].fullmatch(name) is not None)
        or any(map(is_special, spelled_addresses(name)))
    )


def spelled_addresses(name: str) -> Iterator[Address]:
    """Yield the addresses that a canonical name spells, but for those that lead nowhere.

    `10-0-0-1.anything` may be a host of anybody, and is one more spelling of `10.0.0.1` where a service
    of the kind of nip.io, Windows (`fe80--1.ipv6-literal.net`) or a cloud answers it. Which do, nobody
    can list; so the spelling decides. Not read: octal and hexadecimal quarters, numbers glued to a word
    (`v10-0-0-1`), and names that lead to an address without spelling it.

    In decimal quarters between dots or hyphens, as one decimal or hexadecimal number, or as IPv6 with
    hyphens for colons.
    """
    yield from (
        ipaddress.IPv4Address(number)
        for number in {*_numbers(name)}
        if number == 0 or _FIRST_NETWORK <= number < _MULTICAST
    )
    for label in name.split("."):
        if "--" in label or label.count("-") >= _GROUPS - 1:
            yield from _by_groups(_ZONE.sub("", label).split("-"))


def _numbers(name: str) -> Iterator[int]:
    for found in _QUARTERS.findall(name):
        quarters = [int(text) for text in found]
        if max(quarters) <= _MAX_QUARTER:
            yield int.from_bytes(quarters)
    yield from (int(text, 16) for text in _HEXADECIMAL.findall(name))
    yield from map(int, _DECIMAL.findall(name))


def _by_groups(parts: list[str]) -> Iterator[ipaddress.IPv6Address]:
    """Yield what any run of parts spells, from one that is not empty to one that is not."""
    for first, top in enumerate(parts):
        if not top or _GROUP.fullmatch(top) is None or int(top, 16) not in _USED:
            continue
        groups = [top]
        for part in parts[first + 1 : first + _GROUPS]:
            if _GROUP.fullmatch(part) is None:
                break
            groups.append(part)
            if part and ("" in groups or len(groups) == _GROUPS):
                try:
                    yield ipaddress.IPv6Address(":".join(groups))
                except ValueError:  # it is shortened twice
                    break
