"""What was found: verdicts become rows, rows a report, and a report JSON, Markdown or a table."""
