"""What was found: rows, what they amount to, and reports read and merged."""
