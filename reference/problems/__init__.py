"""What a subject is given: problems as values that JSON can hold."""
