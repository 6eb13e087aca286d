"""Names the headers by which a request is read as another one, for guard, proxies and their pages.

One list and one comparison. An override is refused wherever it is sent. What a proxy states is
believed only where the operator says that a proxy of theirs writes it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_plus

from delegation.authority.refusal import Refusal
from delegation.errors import MalformedError

# By these some framework, server or platform takes another method, path or host than it was sent.
OVERRIDES: Final = frozenset({
    "http-method-override", "method-override", "x-http-method", "x-http-method-override",
    "x-forwarded-method", "x-forwarded-request-method", "x-method", "x-method-override",
    "x-original-method", "x-request-method", "x-tunnel-method",
    "base-url", "path-info", "request-uri", "x-forwarded-path", "x-forwarded-uri",
    "x-forwarded-url", "x-http-destinationurl", "x-original-path", "x-original-request-uri",
    "x-original-uri", "x-original-url", "x-path-info", "x-request-path", "x-request-uri",
    "x-request-url", "x-rewrite-path", "x-rewrite-uri", "x-rewrite-url",
    "x-host-override", "x-http-host-override",
    "destination", "http-method", "http-verb", "x-accel-mapping", "x-accel-redirect", "x-base-path",
    "x-base-url", "x-forwarded-base-path", "x-forwarded-pathbase", "x-forwarded-root",
    "x-forwarded-target", "x-http-path", "x-http-url", "x-http-verb", "x-middleware-invoke",
    "x-middleware-subrequest", "x-path", "x-prefix", "x-proxy-url",
    "x-root-path", "x-route", "x-script", "x-sendfile", "x-sendfile-type", "x-target", "x-uri", "x-url",
    "x-verb",
})  # fmt: skip
# Members of the kind that nobody listed have one of these words in their names.
_OVERRIDING_WORDS: Final = frozenset({
    "original", "override", "overrides", "overwrite", "rewrite", "rewritten",
})  # fmt: skip
# In these a proxy tells the server behind it of client, scheme, host, prefix and identity.
STATED_BY_PROXIES: Final = frozenset({
    "cf-connecting-ip", "cf-connecting-ipv6", "cf-visitor", "client-cert", "client-cert-chain",
    "client-ip", "fastly-client-ip", "forwarded", "front-end-https", "proxy", "proxy-client-ip",
    "remote-addr", "remote-user", "script-name", "ssl-client-cert", "true-client-ip",
    "wl-proxy-client-ip", "wl-proxy-ssl", "x-appengine-user-ip", "x-arr-ssl",
    "x-auth-request-email", "x-auth-request-groups", "x-auth-request-preferred-username",
    "x-auth-request-user", "x-authenticated-user", "x-azure-clientip", "x-azure-socketip",
    "x-client-cert", "x-client-ip", "x-cluster-client-ip", "x-envoy-external-address",
    "x-envoy-original-method", "x-envoy-original-path", "x-external-prefix", "x-forwarded",
    "x-forwarded-access-token", "x-forwarded-by", "x-forwarded-client-cert", "x-forwarded-email",
    "x-forwarded-for", "x-forwarded-groups", "x-forwarded-host", "x-forwarded-port",
    "x-forwarded-preferred-username", "x-forwarded-prefix", "x-forwarded-proto",
    "x-forwarded-protocol", "x-forwarded-scheme", "x-forwarded-script-name", "x-forwarded-server",
    "x-forwarded-ssl", "x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info",
    "x-forwarded-user", "x-goog-authenticated-user-email", "x-goog-authenticated-user-id",
    "x-host", "x-ingress-path", "x-ms-client-principal", "x-ms-client-principal-id",
    "x-ms-client-principal-idp", "x-ms-client-principal-name", "x-original-forwarded-for",
    "x-original-host", "x-original-proto", "x-original-remote-addr", "x-path-prefix",
    "x-proxyuser-ip", "x-real-ip", "x-remote-addr", "x-remote-ip", "x-remote-user", "x-scheme",
    "x-script-name", "x-ssl-client-cert", "x-url-scheme", "x-waws-unencoded-url",
    "x-webauth-user",
    "cf-access-authenticated-user-email", "cf-access-client-id", "cf-access-client-secret",
    "cf-access-jwt-assertion", "impersonate-group", "impersonate-uid", "impersonate-user",
    "remote-email", "remote-groups", "remote-name", "ssl-client-s-dn", "ssl-client-verify",
    "tailscale-user-login", "tailscale-user-name", "tailscale-user-profile-pic",
    "x-amzn-mtls-clientcert", "x-amzn-mtls-clientcert-issuer",
    "x-amzn-mtls-clientcert-leaf", "x-amzn-mtls-clientcert-serial-number",
    "x-amzn-mtls-clientcert-subject", "x-amzn-mtls-clientcert-validity",
    "x-amzn-oidc-accesstoken", "x-amzn-oidc-data",
    "x-amzn-oidc-identity", "x-anonymous-consumer", "x-arr-clientcert", "x-auth-user",
    "x-auth-username", "x-authentik-email", "x-authentik-entitlements", "x-authentik-groups",
    "x-authentik-jwt", "x-authentik-name", "x-authentik-uid", "x-authentik-username",
    "x-client-verify", "x-consumer-custom-id", "x-consumer-groups", "x-consumer-id",
    "x-consumer-username", "x-credential-identifier", "x-forwarded-tls-client-cert-chain",
    "x-goog-iap-jwt-assertion", "x-invoke-output", "x-invoke-path", "x-invoke-query",
    "x-invoke-status", "x-matched-path", "x-now-route-matches",
    "x-pomerium-claim-email", "x-pomerium-claim-groups", "x-pomerium-jwt-assertion",
    "x-remote-group", "x-remote-groups", "x-ssl-client-dn", "x-ssl-client-s-dn",
    "x-ssl-client-verify", "x-tailscale-user", "x-user", "x-userinfo", "x-vouch-user",
})  # fmt: skip
# Whoever cannot take headers away, as forward authentication, refuses the families of the two lists:
# what begins so says who calls, from where, or below which root, and only a proxy may say it.
_FAMILIES: Final = re.compile(
    "(x-)?(remote|impersonate|authentik|ssl|tailscale|forwarded|oidc|userinfo|authenticated)-"
    "|x-(consumer|credential|anonymous|pomerium|vouch|webauth|accel|sendfile|invoke|matched|now"
    "|middleware-(invoke|subrequest)|jwt|token-(sub|subject|claim)|client-(cert|verify|dn|ip))(-|$)"
    "|x-auth-request-"
    "|x-(auth-(request-)?)?(user|group|role|principal|identity|subject|claim|name)s?(name|info)?(-|$)"
    "|cf-access-|x-amzn-(oidc|mtls)-|x-ms-(client-principal|token)|x-goog-(iap|auth)"
    "|(.*-)?client-?cert(-|$)"
)
# What stands in a name of another server's variable, of which `X-` and `HTTP-` names are made.
_TARGET_WORDS: Final = frozenset({
    "basepath", "baseurl", "host", "method", "methods", "path", "pathbase", "pathinfo", "prefix", "root",
    "route", "script", "subrequest", "target", "uri", "url", "verb", "verbs",
})  # fmt: skip
# Clients send these honestly, and no server takes them for anything else.
_HONEST: Final = re.compile(
    "x-(stainless|amz|rapidapi|shopify|github|gitlab|slack|hf|openai|anthropic)-.*"
    "|x-(user-agent|goog-user-project|jwt)"
)
# By these a connection becomes something else than requests that are asked about one by one.
TUNNELS: Final = frozenset({"http2-settings", "upgrade"})
# Parameters of a query, and members of a form, that mean the same as an overriding header.
PARAMETERS: Final = frozenset({
    "-httpmethod", "-http-method", "-method", "--method", "http-method-override",
    "method-override", "x-http-method", "x-http-method-override", "x-method-override",
})  # fmt: skip
# Headers of ours, each of which counts in one spelling only.
OWN: Final = frozenset({
    "delegation-arguments", "delegation-decision", "delegation-proof", "delegation-proxy-key",
    "delegation-receipt", "x-agent-chain", "x-capability-token",
})  # fmt: skip
# What an application behind a guard is shown of a request although nobody judged it: how to spell
# the answer, when to spare it, and which trace it belongs to.
SHOWN: Final = frozenset({
    "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control",
    "content-length", "content-type", "host", "if-match", "if-modified-since", "if-none-match",
    "if-range", "if-unmodified-since", "range", "traceparent", "tracestate", "user-agent",
})  # fmt: skip
# The guard's own, and what holds for one connection only.
NEVER_SHOWN: Final = frozenset({
    "connection", "content-encoding", "delegation-arguments", "delegation-proof", "expect",
    "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_SINGLE: Final = frozenset({
    "content-encoding", "content-length", "content-type", "host", "transfer-encoding",
})  # fmt: skip
_ONE_SPELLING: Final = STATED_BY_PROXIES | NEVER_SHOWN | _SINGLE | OWN | {"authorization"}
_ODD: Final = re.compile(r"[^a-z0-9]")
_PLAIN_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Arguments are recorded, so that no secret may be one.
_SECRET_ENDS: Final = (
    "accesskey", "apikey", "authentication", "authkey", "authorization", "cookie", "cookies", "credential",
    "credentials", "jwt", "passcode", "passphrase", "passwd", "password", "privatekey", "pwd", "secret",
    "secretkey", "sessionid", "token",
)  # fmt: skip
_SECRET_PAIRS: Final = frozenset({
    "access-key", "api-key", "auth-key", "private-key", "secret-key", "session-id",
})  # fmt: skip
# A cookie or parameter of these names is one as well.
_SESSIONS: Final = frozenset({"auth", "bearer", "session", "sid"})
_CAMEL: Final = re.compile("(?<=[a-z0-9])(?=[A-Z])")
_OF_A_REQUEST: Final = frozenset({"content-length", "content-type", "host", "origin"})


def folded(name: str) -> str:
    """Return a header's name as the most forgiving reader compares it.

    Upper and lower case are one, and whatever is no letter or digit is `-`: CGI and WSGI make
    `X-A`, `X_A` and, in older servers, `X.A` one variable.
    """
    return _ODD.sub("-", name.strip().casefold())


def is_override(name: str) -> bool:
    """Return whether some reader takes this header for another method, path or host."""
    if (plain := folded(name)) in STATED_BY_PROXIES:
        return False
    return plain in OVERRIDES or not _OVERRIDING_WORDS.isdisjoint(plain.split("-"))


def is_credential(name: str) -> bool:
    """Return whether a header is a credential by its name: no argument may hold one."""
    words = _words(name)
    return any(one.endswith(_SECRET_ENDS) for one in words) or "-".join(words[-2:]) in _SECRET_PAIRS


def is_secret(name: str) -> bool:
    """Return whether a cookie, a parameter or a member is a credential by its name."""
    return is_credential(name) or not _SESSIONS.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    """Return the words of a name, `accessToken2` as `access` and `token`."""
    return [one.rstrip("0123456789") for one in folded(_CAMEL.sub("-", name)).split("-")]


def refuse_input_header(name: str) -> None:
    """Refuse a header that no argument may state: whoever reads it takes it for something else.

    Raises:
        MalformedError: It is no plain name, a credential, an override, what a proxy says, or of the
            connection or the body.
    """
    if _PLAIN_NAME.fullmatch(name) is None:
        raise MalformedError("The header", wanted="lower-case letters, digits and hyphens")
    if is_credential(name):
        raise MalformedError(
            f"The header {name}",
            wanted="no credential: arguments are recorded. Let it pass instead",
        )
    never = NEVER_SHOWN | OWN | STATED_BY_PROXIES | _OF_A_REQUEST
    if is_override(name) or name in never or (name in TUNNELS):
        raise MalformedError(f"The header {name}", wanted="one that only the handler reads")


def is_reserved(name: str) -> bool:
    """Return whether a header is of a family in which only proxies speak, and in no list.

    Guards do not ask this: what no list knows does not reach an application behind one.
    """
    if (plain := folded(name)) in STATED_BY_PROXIES or _HONEST.fullmatch(plain):
        return False
    words = plain.split("-")
    is_of_target = words[0] in {"x", "http"} and not _TARGET_WORDS.isdisjoint(words)
    return is_of_target or _FAMILIES.match(plain) is not None


def is_overriding_parameter(name: str) -> bool:
    """Return whether some reader takes this parameter or form member for another method.

    `method` itself is a usual name and no override; `_method` is one.
    """
    return folded(name) in PARAMETERS


def refusal_of(
    names: Iterable[str], *, own: Iterable[str] = (), shows_all: bool = False
) -> Refusal | None:
    """Return why a request with these headers has more than one reading, or None.

    Not looked at: values. What proxies state passes in its plain spelling; whoever calls this
    removes it, or trusts the proxy that wrote it.

    Args:
        names: Names as they were sent, repeated as often as they were.
        own: Overrides that the caller's own proxy writes, in lower case.
        shows_all: The service behind is shown every header, as behind a proxy: families are refused
            as well, and whatever switches the connection to something that nobody judges.
    """
    counted = Counter(name.strip().lower() for name in names)
    mine = frozenset(own)
    spellings: dict[str, str] = {}
    for name, times in counted.items():
        if name not in mine and is_override(name):
            return Refusal(
                "method_override",
                "The request asks to be read as another one.",
                remedy="Send the method and the path that you mean, without override headers.",
            )
        plain = folded(name)
        if shows_all and plain in TUNNELS:
            return Refusal(
                "upgrade_refused",
                "The request asks for another protocol, in which no request would be judged.",
                remedy="Send plain HTTP/1.1 requests, without Upgrade and HTTP2-Settings.",
            )
        if shows_all and name not in mine and is_reserved(name):
            return Refusal(
                "header_reserved",
                "A header says what only a proxy may say: who calls, or what is asked for.",
                remedy="Leave it out, or let your proxy remove it.",
            )
        is_odd = name != plain and plain in _ONE_SPELLING
        if spellings.setdefault(plain, name) != name or is_odd or (times > 1 and plain in _SINGLE):
            return Refusal(
                "header_ambiguous",
                "A header stands there twice, or in a spelling that some readers take for another.",
                remedy="Send each header once, with hyphens.",
            )
    if {"content-length", "transfer-encoding"} <= counted.keys():
        return Refusal(
            "header_ambiguous",
            "The request states two lengths of its body.",
            remedy="Send Content-Length or Transfer-Encoding, not both.",
        )
    return None


def has_overriding_parameter(query: str) -> bool:
    """Return whether a raw query has a parameter that some reader takes for another method."""
    return any(
        is_overriding_parameter(unquote_plus(part.partition("=")[0]))
        for part in re.split("[&;]", query)
    )
