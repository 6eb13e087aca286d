"""Settings of the service, from the environment (`DELEGATION_...`) or the command line."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may set.

    Args:
        store: URL of the store.
        ring: File of the key ring, made with mode 0600 if it does not exist.
        issuer: URL under which the service issues; empty takes the address it listens on.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        max_body: Largest request body, in bytes.
    """

    model_config = SettingsConfigDict(env_prefix="DELEGATION_", extra="ignore")

    store: str = ""
    ring: str = ""
    issuer: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8470, ge=0, le=65535)
    max_body: int = Field(default=256 * 1024, ge=1024, le=16 * 1024 * 1024)
