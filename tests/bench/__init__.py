"""`make bench`: what DESIGN promises in numbers, measured beside its floors in one run."""
