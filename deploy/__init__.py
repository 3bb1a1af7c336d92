"""How Tierstream is run: the developer's door, local services, and what operators deploy."""
