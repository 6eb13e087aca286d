"""Asserts decisions, with failures that show the trail: each step's outcome, and the reason."""

from __future__ import annotations

from delegation.judge.decision import STEPS, Decision


def assert_allowed(decision: Decision) -> Decision:
    """Return the decision if it allows the call.

    Raises:
        AssertionError: It denies it; the message has the trail, the caveat and the remedy.
    """
    __tracebackhide__ = True
    if not decision.allowed:
        raise AssertionError(f"expected: allowed\n{trail_text(decision)}")
    return decision


def assert_denied(decision: Decision, step: int | str, code: str | None = None) -> Decision:
    """Return the decision if it denies the call there, for that reason.

    Naming the step keeps a test from passing for another reason than the one it is about.

    Args:
        decision: What was decided.
        step: 1 to 14, or the step's name such as `capability`.
        code: The stable code; None accepts any at that step.

    Raises:
        AssertionError: It is allowed, or denied elsewhere or for another reason.
        ValueError: There is no such step.
    """
    __tracebackhide__ = True
    names = {name: number for number, name in STEPS.items()}
    number = step if isinstance(step, int) else names.get(step, 0)
    if number not in STEPS:
        raise ValueError(f"There is no step {step!r}; steps are 1 to 14, or {', '.join(names)}.")
    denial = decision.denial
    if denial is None or denial.step != number or code not in {None, denial.code}:
        wanted = f"denied at step {number}, {STEPS[number]}" + (f": {code}" if code else "")
        raise AssertionError(f"expected: {wanted}\n{trail_text(decision)}")
    return decision


def trail_text(decision: Decision) -> str:
    """Return a decision with its trail, for people."""
    steps = (f"  {s.number:2} {s.name:<10} {s.outcome.replace('_', ' ')}" for s in decision.steps)
    return "\n".join([f"got: {decision}", *steps])
