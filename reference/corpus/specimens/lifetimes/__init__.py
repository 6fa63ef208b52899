"""Faulty trainers seen over time: phases, copies that follow, checkpoints, skipped steps."""
