"""Reads the service's settings from the environment (`DELEGATION_...`) or the command line.

docs/deploy/settings.md has each one with its unit, its default and what breaks; a test holds the two
equal.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from delegation.authority.chain import ISSUER
from delegation.commands.retention import MIN_DAYS
from delegation.commands.work import KEPT_DENIALS
from delegation.errors import ConfigurationError, MalformedError
from delegation.judge.lease import BOUND, MAX_BOUND
from delegation.judge.limits import DEFAULTS
from delegation.tracker.location import store_url
from delegation_api.client_address import Trusted
from delegation_api.setting_names import is_injected_port
from delegation_api.webhooks import MAX_URLS, checked


class Settings(BaseSettings):
    """What an operator may set.

    Args:
        store: File or URL of the store.
        ring: File of the key ring, made with mode 0600 if it does not exist.
        issuer: URL under which the service issues; empty takes the ring's own, and for a new ring the
            address that it listens on, if that is of this machine alone.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        workers: Processes; more than one needs PostgreSQL.
        max_body: Largest request body, in bytes.
        body_seconds: Seconds in which a body must have arrived.
        head_seconds: Seconds in which a request's head must have arrived.
        send_seconds: Seconds in which a client must have taken 16 KiB of an answer that waits.
        max_target: Longest request target, in bytes.
        max_head: Largest request head, in bytes.
        max_headers: Most header fields of a request.
        max_connections: Connections of one worker; beyond, the client with the most makes room.
        max_per_client: Connections of one address, or requests at once of one that a proxy names.
        max_polls_per_key: Polls and streams that one API key holds open at one worker.
        trusted_proxies: Addresses and networks of proxies whose X-Forwarded-For counts.
        question_seconds: Seconds that a question may take.
        max_questions: Questions of one worker that may take longer than a second at once.
        log_level: Least level that is logged.
        log_format: `json` for machines, `text` for people.
        log_requests: Whether each request is logged; failures always are.
        revocation_bound: Seconds for which verifiers outside the store may rely on what they polled.
        max_wait: Seconds for which a poll of the feed may wait for news.
        forward_routes: TOML file of the routes behind reverse proxies; empty refuses all of them.
        approval_webhooks: URLs that are told what happens to requests for approval.
        log_dir: Folder in which the log's tiles are written; empty computes them when asked for.
        log_memory: File in which the log's key remembers what it signed; empty: beside the ring.
        log_required: Whether the service is not ready while nothing can be signed.
        retain_days: Days for which arguments and proofs are kept, at least 190; 0 keeps them.
        limits: How tasks may grow and call, where other than the defaults.
        kept_denials: Denials of one holder a minute whose arguments and proof are kept.
        otlp_endpoint: URL of an OpenTelemetry collector (OTLP over HTTP); empty sends nothing.
    """

    model_config = SettingsConfigDict(env_prefix="DELEGATION_", extra="ignore")

    store: str = ""
    ring: str = ""
    issuer: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8470, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    max_body: int = Field(default=256 * 1024, ge=1024, le=16 * 1024 * 1024)
    body_seconds: float = Field(default=10.0, gt=0, le=300)
    head_seconds: float = Field(default=10.0, gt=0, le=300)
    send_seconds: float = Field(default=20.0, gt=0, le=3600)
    max_target: int = Field(default=16 * 1024, ge=256, le=1024 * 1024)
    max_head: int = Field(default=128 * 1024, ge=1024, le=1024 * 1024)
    max_headers: int = Field(default=100, ge=8, le=10_000)
    max_connections: int = Field(default=1024, ge=1, le=65535)
    max_per_client: int = Field(default=256, ge=1, le=65535)
    max_polls_per_key: int = Field(default=256, ge=1, le=65535)
    trusted_proxies: str = "127.0.0.1,::1"
    question_seconds: float = Field(default=30.0, gt=0, le=3600)
    max_questions: int = Field(default=8, ge=1, le=1024)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "text"
    log_requests: bool = False
    revocation_bound: float = Field(default=BOUND, ge=0.1, le=MAX_BOUND)
    max_wait: float = Field(default=10.0, ge=0, le=300)
    forward_routes: str = ""
    log_dir: str = ""
    log_memory: str = ""
    log_required: bool = False
    retain_days: int = Field(default=0, ge=0, le=36_500)
    limits: str = ""
    kept_denials: int = Field(default=KEPT_DENIALS, ge=0, le=1_000_000)
    otlp_endpoint: str = ""
    approval_webhooks: str = ""

    @field_validator("port", mode="before")
    @classmethod
    def _not_of_an_orchestrator(cls, given: Any) -> Any:
        # Kubernetes says where a service called `delegation` is by the name of our own setting.
        return cls.model_fields["port"].default if is_injected_port(given) else given

    @field_validator("store")
    @classmethod
    def _has_a_scheme(cls, text: str) -> str:
        try:
            store_url(text)
        except ConfigurationError as error:
            raise ValueError(f"{error} {error.remedy}") from None
        return text

    @field_validator("issuer", "otlp_endpoint")
    @classmethod
    def _is_url(cls, text: str) -> str:
        if text and not (ISSUER.fullmatch(text) and urlsplit(text).hostname):
            raise ValueError("it must be a URL with its scheme, such as https://authority.example")
        return text

    @field_validator("approval_webhooks")
    @classmethod
    def _are_webhooks(cls, text: str) -> str:
        if len(text.split()) > MAX_URLS:
            raise ValueError(f"it must be at most {MAX_URLS} URLs")
        for number, url in enumerate(text.split(), start=1):
            try:
                checked(url)
            except ConfigurationError as error:
                raise ValueError(
                    f"number {number} is no https URL. {error.remedy} Spaces separate them."
                ) from None
        return text

    @field_validator("retain_days")
    @classmethod
    def _kept_long_enough(cls, days: int) -> int:
        if 0 < days < MIN_DAYS:
            raise ValueError(
                f"it must be 0, or at least {MIN_DAYS}"
            )  # pydantic makes its own error of it
        return days

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, text: str) -> str:
        try:
            Trusted(text)
        except ConfigurationError as error:
            raise ValueError(f"{error} {error.remedy}") from None
        return text

    @field_validator("limits")
    @classmethod
    def _are_limits(cls, text: str) -> str:
        try:
            DEFAULTS.changed(text)
        except MalformedError as error:
            raise ValueError(str(error)) from None
        return text
