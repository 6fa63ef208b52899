"""What exercises and trainings among the specimens are made of."""
