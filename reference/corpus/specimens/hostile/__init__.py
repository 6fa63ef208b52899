"""Subjects that raise, hang, exit, crash or patch what they share with their judge."""
