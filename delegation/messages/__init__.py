"""Defines bodies of requests and answers, shared by the service and its client. Strict: nothing unknown.

Grants, tools, accesses and constraints travel as their own JSON and are read by `authority`, so
that there is one parser for what is signed and what is sent.
"""
