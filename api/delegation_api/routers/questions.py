"""Routes reviewers' questions over many links at once. Only a dismissal changes anything."""

from __future__ import annotations

from fastapi import APIRouter

from delegation.operations.questions import Questions
from delegation_api.mounting import mount_all

router = APIRouter(tags=["questions"])
mount_all(router, Questions)
