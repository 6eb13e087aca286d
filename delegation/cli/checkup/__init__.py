"""What `delegation doctor` looks at: one file a concern, facts gathered above and judged by pure rules."""
