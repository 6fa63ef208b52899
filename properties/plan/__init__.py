"""What a run has to do: which laws judge which subjects, under which settings."""
