"""The floor of the HTTP rows: an empty FastAPI endpoint, Pydantic in and out, on the same server."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

from delegation.messages.requests import CheckBody

app = FastAPI(openapi_url=None)


class Answer(BaseModel):
    """As small an answer as one can give."""

    allowed: bool
    decision: str


@app.post("/v1/check")
async def check(body: CheckBody) -> Answer:
    """Answer without looking."""
    return Answer(allowed=True, decision="dec_" + "a" * 22)
