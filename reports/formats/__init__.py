"""A report in each of its formats: JSON, Markdown, JUnit, a badge, HTML."""
