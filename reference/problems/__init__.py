"""Problems: what a subject is given in one example, as values that JSON can hold."""
