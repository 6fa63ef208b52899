"""What each primitive does to what is known of its operands: one table, `table.RULES`."""
