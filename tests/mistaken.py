"""Routes and tools that disagree, with what the guard says of each."""

from __future__ import annotations

from typing import Any

from delegation import Tool

TOOLS = (
    Tool("shop.list", effect="read", arguments={"limit?": "integer", "tags?": {"type": "list", "of": "text"}, "word?": "text"}),
    Tool("shop.refund", effect="write", arguments={"order": "segment", "amount": "integer"}, aliases=["refundOrder"]),
    Tool("shop.drop", effect="delete", arguments={"order": "segment"}),
)  # fmt: skip
LIST = ("GET", "/orders", "shop.list", {"query": ["limit", "tags", "word"], "kinds": {"limit": "integer"}, "many": ["tags"]})  # fmt: skip
REFUND = ("POST", "/refunds/{order}", "shop.refund", {"query": ["amount"], "kinds": {"amount": "integer"}})  # fmt: skip
DROP = ("DELETE", "/orders/{order}", "shop.drop", {})
# What is declared, and what the sentence says.
MISTAKES: list[tuple[list[Any], str]] = [
    ([("GET", "/orders", "shop.list", {**LIST[3], "kinds": {}})], r"reads limit as text, and shop.list takes integer. Say kinds=\{'limit': 'integer'\}"),
    ([("GET", "/orders", "shop.list", {**LIST[3], "kinds": {"limit": "integer", "word": "integer"}})], "reads word as integer, and shop.list takes text"),
    ([("GET", "/orders", "shop.list", {**LIST[3], "many": []})], r"takes a list. Say many=\['tags'\]"),
    ([("GET", "/orders", "shop.list", {**LIST[3], "many": ["tags", "word"]})], "reads a list of word, and shop.list takes one"),
    ([("POST", "/refunds/{order}", "shop.refund", {})], "states nothing for amount, which shop.refund needs"),
    ([("POST", "/refunds/{order}", "shop.refund", {"query": ["amont"]})], "states amont, which is no argument of shop.refund. Did you mean amount?"),
    ([("POST", "/refunds/{order}", "shop.refnd", REFUND[3])], "the tool shop.refnd, which the catalogue does not have. Did you mean shop.refund?"),
    ([DROP, ("POST", "/drop/{order}", "shop.drop", {})], "DELETE /orders/{order} and POST /drop/{order} are both the tool shop.drop"),
]  # fmt: skip
