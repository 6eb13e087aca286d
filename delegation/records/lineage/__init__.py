"""What is recorded about tasks, links and decisions, read for judges and reviewers."""
