"""People as rows: requests for approval and their answers, logins, verifiers outside the store."""
