"""Examples of rulebooks: stories that run through the production reducer."""
