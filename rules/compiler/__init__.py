"""From checked rules to the generated functions of a book."""
