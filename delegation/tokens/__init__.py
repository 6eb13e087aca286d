"""Carries chains in tokens, in two formats with one law; verified in six steps.

A format answers one question: which payloads, in which order, are authentic, and who signed each.
"""
