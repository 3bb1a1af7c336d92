"""The same job done by Tierstream and by its peers, on the same events and the same broker."""
