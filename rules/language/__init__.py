"""The rule language: from a YAML text to checked rules, every mistake with line and hint."""
